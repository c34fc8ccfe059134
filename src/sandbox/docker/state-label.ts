import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unlessMissingSync } from '../../contracts/index.ts';
import { unlessFull } from '../full-disk.ts';
import { tryToLink } from '../link-file.ts';

/**
 * By what an engine's containers say which state folder they belong to. It is drawn by lot and kept in the folder: services in containers, which share an engine and have no folder in common, have
 * them at the same path. Empty where the folder has never had a container.
 */
export function stateLabel(stateDir: string): string {
  return unlessMissingSync(() => readFileSync(fileOf(stateDir), 'latin1')) ?? '';
}

/** The same, and drawn where there is none yet, by one process alone. Errors: `disk_full`. */
export function ensureStateLabel(stateDir: string): string {
  const known = stateLabel(stateDir);
  if (known !== '') return known;
  const drawn = randomBytes(8).toString('hex');
  const beside = `${fileOf(stateDir)}.${drawn}`;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(beside, drawn, { mode: 0o600 });
    return tryToLink(beside, fileOf(stateDir)) ? drawn : stateLabel(stateDir);
  } catch (error) {
    throw unlessFull(error, stateDir);
  } finally {
    rmSync(beside, { force: true });
  }
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'label');
}
