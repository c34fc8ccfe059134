#!/usr/bin/env node
// The command. Runs on any Node from 18 up: where this one is too old, it runs itself again under the Node 24 among the dependencies.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureDependencies, findNode24, keepCompiledCode, ROOT, runInstead, say, Stop } from '../scripts/node24.mjs';

const source = join(ROOT, 'src/main.ts');
const inClone = existsSync(source);
const entry = inClone ? source : join(ROOT, 'dist/main.js');

try {
  if (inClone) ensureDependencies();
  const node = findNode24();
  if (node === process.execPath) {
    hideExperimentalWarnings();
    keepCompiledCode();
    await import(entry);
  } else if (node) {
    await runInstead(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
  } else {
    throw new Stop(`this needs Node 24 or newer, and was started with Node ${process.versions.node}.`);
  }
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}

/** node:sqlite works and says at each start that it may change; what else is warned of is shown. */
function hideExperimentalWarnings() {
  const [show] = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') show?.(warning);
  });
}
