// Opens a sandbox, starts a long stream of output, writes to a file what it has read of it, each piece at its offset, and waits to be killed.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { STREAMING, worldIn } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';
import { ids, specOf } from '../support/sandbox-commands.ts';

const [kind = '', stateDir = '', file = ''] = process.argv.slice(2);
const sandbox = await worldIn(kind as Kind, stateDir).create(specOf({ graceMs: 20_000, env: { FROM: 'the spec' } }));
const id = ids.next('cmd');
const command = sandbox.exec({ id, ...STREAMING });
process.stdout.write(`${sandbox.id} ${id}\n`);
const copy = openSync(file, 'w');
for await (const { offset, bytes } of command.output) {
  writeSync(copy, bytes, 0, bytes.length, offset);
  // Slow enough to be killed in the middle.
  await sleep(2);
}
