// An isolate as one should not make it: it hands references to things of the host into the isolate. Prints what the program given as an argument evaluates to.
import ivm from 'isolated-vm';
import { BOOTSTRAP, PREPARATION } from '../../src/sandbox/isolate/child/bootstrap.ts';

const isolate = new ivm.Isolate({ memoryLimit: 32 });
const context = isolate.createContextSync();
context.global.setSync('global', context.global.derefInto());
context.global.setSync('leaked', new ivm.Reference((text: string) => text.length));
context.global.setSync('copy', new ivm.ExternalCopy({ a: 1 }));
context.global.setSync('ivm', ivm);
const filename = '<glovebox>';
if (process.argv[3] !== undefined) {
  context.evalSync(PREPARATION.replace("'use strict';", ''), { filename });
  context.evalClosureSync(BOOTSTRAP, [new ivm.Callback(() => undefined), 1000], { filename, result: { reference: true } });
}
try {
  process.stdout.write(String(await context.eval(process.argv[2] ?? '', { timeout: 5_000, promise: true, copy: true })));
} catch (error) {
  process.stdout.write(`threw ${String(error)}`);
}
process.exit(0);
