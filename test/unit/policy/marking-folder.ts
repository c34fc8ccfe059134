import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder for one test, whose `bin` has a program of that name that only leaves a mark; `forget` takes the mark away. */
export function markingFolder(program: string): { readonly folder: string; readonly wasRun: () => boolean; readonly forget: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-shell-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'bin'));
  const mark = join(folder, `${program}-ran`);
  writeFileSync(join(folder, 'bin', program), `#!/bin/sh\n: > ${mark}\n`);
  chmodSync(join(folder, 'bin', program), 0o755);
  return { folder, wasRun: () => existsSync(mark), forget: () => rmSync(mark, { force: true }) };
}
