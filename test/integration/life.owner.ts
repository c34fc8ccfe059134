// Opens a sandbox, starts something in it, pauses it, says so, and waits to be killed.
import { start, specOf, until } from '../support/sandbox-commands.ts';
import { worldIn } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';

const [kind = '', stateDir = '', graceMs = ''] = process.argv.slice(2);
const sandbox = await worldIn(kind as Kind, stateDir).create(specOf({ graceMs: Number(graceMs) }));
const command = start(sandbox, ['/bin/sh', '-c', 'echo left > /workspace/left; echo ready; sleep 600'], { limits: { wallMs: 0 } });
await until(command.output[Symbol.asyncIterator](), 'ready');
await sandbox.pause();
process.stdout.write(`${sandbox.id}\n`);
setInterval(() => undefined, 60_000);
