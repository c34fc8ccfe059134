// What building the fuzz target of sandbox-images/init needs. Sandboxes need none of it: init is built in a container.
import { spawnSync } from 'node:child_process';
import { Stop } from '../node24.mjs';
import { ensurePackages, isMissing } from './packages.mjs';

const EMPTY_TARGET = 'int LLVMFuzzerTestOneInput(const unsigned char *bytes, unsigned long size) { return bytes == 0 && size; }';

export async function ensureFuzzing({ install }) {
  if (canFuzz()) return;
  await ensurePackages(['clang', 'libc6-dev', 'libclang-rt-dev', 'make', 'python3'], { install, why: 'to build the fuzz target' });
  if (!canFuzz()) throw new Stop('the fuzz target needs make, and a clang with libFuzzer and its sanitizers.');
}

/** clang alone is not enough: its runtime libraries are packages of their own. */
function canFuzz() {
  if (isMissing('make') || isMissing('clang') || isMissing('python3')) return false;
  const flags = ['-fsanitize=fuzzer,address,undefined', '-x', 'c', '-', '-o', '/dev/null'];
  return spawnSync('clang', flags, { input: EMPTY_TARGET }).status === 0;
}
