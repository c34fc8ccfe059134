// Makes a machine ready, then runs what follows `--` under Node 24:
//   node scripts/prepare.mjs [--for-demo | --for-tests | --for-fuzz | --for-service] [--no-install] [-- program.js args…]
// The first half runs on any Node from 18 up with nothing installed; scripts/prepare/ runs under Node 24.
import { fileURLToPath } from 'node:url';
import { ensureDependencies, findNode24, keepCompiledCode, runInstead, say, Stop } from './node24.mjs';

const PURPOSES = ['--for-demo', '--for-tests', '--for-fuzz', '--for-service'];

function readArguments(argv) {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const options = argv.slice(0, end);
  const unknown = options.find((option) => option !== '--no-install' && !PURPOSES.includes(option));
  if (unknown)
    throw Object.assign(new Stop(`unknown option ${unknown}; there are ${PURPOSES.join(', ')} and --no-install.`), { exitCode: 2 });
  const purpose = (options.find((option) => PURPOSES.includes(option)) ?? '--for-demo').slice('--for-'.length);
  return { purpose, install: !options.includes('--no-install'), command: argv.slice(end + 1) };
}

async function main() {
  const { purpose, install, command } = readArguments(process.argv.slice(2));
  ensureDependencies();
  const node = findNode24();
  if (node !== process.execPath) {
    await runInstead(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
    return;
  }
  keepCompiledCode();
  const { prepareMachine } = await import('./prepare/machine.mjs');
  const env = await prepareMachine({ purpose, install });
  if (command.length > 0) await runInstead(node, command, env);
}

main().catch((error) => {
  if (!(error instanceof Stop) && error?.name !== 'GloveboxError') throw error;
  say(error.message);
  process.exitCode = error.exitCode;
});
