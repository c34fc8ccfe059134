// Opens a sandbox, starts something in it, says so, and waits to be killed.
import { driverIn, ids, specOf } from './bubblewrap.harness.ts';

const [stateDir = '', graceMs = '', mark = ''] = process.argv.slice(2);
const sandbox = await driverIn(stateDir).create(specOf({}, Number(graceMs)));
const command = sandbox.exec({ id: ids.next('cmd'), argv: ['/bin/sh', '-c', `echo started; sleep 600 & : ${mark}; wait`], limits: { wallMs: 0 } });
for await (const { bytes } of command.output) process.stdout.write(bytes);
