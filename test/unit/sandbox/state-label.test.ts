import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ensureStateLabel, stateLabel } from '../../../src/sandbox/docker/state-label.ts';

const folder = mkdtempSync(join(tmpdir(), 'glovebox-label-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a state folder has one label, another folder at the same path another, and one that is moved keeps its own', () => {
  const place = join(folder, 'state');
  expect(stateLabel(place)).toBe('');
  const label = ensureStateLabel(place);
  expect(label).toMatch(/^[0-9a-f]{16}$/);
  expect([ensureStateLabel(place), stateLabel(place)]).toEqual([label, label]);
  expect(readdirSync(place)).toEqual(['label']);
  renameSync(place, join(folder, 'moved'));
  mkdirSync(place);
  expect(stateLabel(place)).toBe('');
  expect(ensureStateLabel(place)).not.toBe(label);
  expect(stateLabel(join(folder, 'moved'))).toBe(label);
});
