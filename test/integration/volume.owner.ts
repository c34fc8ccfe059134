// Opens a sandbox whose workspace is a volume, says so, and waits to be killed. Its sandbox ends soon after.
import { specOf } from '../support/sandbox-commands.ts';
import { worldIn } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';

const [kind = '', stateDir = ''] = process.argv.slice(2);
const sandbox = await worldIn(kind as Kind, stateDir).create(specOf({ graceMs: 1500, limits: { memoryBytes: 2 ** 28, diskBytes: 2 ** 30 } }));
process.stdout.write(`${sandbox.id}\n`);
setInterval(() => undefined, 60_000);
