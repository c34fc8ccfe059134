// Opens a sandbox, starts something in it, says so, and waits to be killed.
import { bubblewrapDriver } from './sandbox-bubblewrap.ts';
import { specOf, start } from './sandbox-commands.ts';

const [stateDir = '', graceMs = ''] = process.argv.slice(2);
const sandbox = await bubblewrapDriver(stateDir).create(specOf({ graceMs: Number(graceMs) }));
const command = start(sandbox, ['/bin/sh', '-c', `echo ${sandbox.id}; sleep 600`], { limits: { wallMs: 0 } });
for await (const { bytes } of command.output) process.stdout.write(bytes);
