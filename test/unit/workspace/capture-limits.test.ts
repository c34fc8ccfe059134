import { describe, expect, it } from 'vitest';

import { checkCaptureLimits } from '../../../src/workspace/capture-limits.ts';
import { Notes } from '../../../src/workspace/notes.ts';
import { DEFAULT_LIMITS, formatBytes } from '../../../src/workspace/workspace-limits.ts';

const limits = { ...DEFAULT_LIMITS, maxFiles: 3, maxBytes: 1000, maxFileBytes: 600 };

describe('checkCaptureLimits', () => {
  it('lets what fits pass', () => {
    expect(() => checkCaptureLimits([{ path: 'a', sizeBytes: 600 }, { path: 'b', sizeBytes: 400 }], limits)).not.toThrow();
  });

  it('names the file that is too large', () => {
    expect(() => checkCaptureLimits([{ path: 'data/big', sizeBytes: 601 }], limits)).toThrow('"data/big" is 601 B, and 600 B is the limit for one file');
  });

  it('names the heaviest folders when the whole is too large', () => {
    const files = [
      { path: 'a/b/c/x', sizeBytes: 500 },
      { path: 'a/b/y', sizeBytes: 90 },
      { path: 'z', sizeBytes: 450 },
    ];
    expect(() => checkCaptureLimits(files, limits)).toThrow('1.0 KiB, and 1000 B is the limit. Most is in "a/b" (590 B), "." (450 B)');
  });

  it('names the fullest folders when there are too many files', () => {
    const files = ['m/1', 'm/2', 'm/3', 'k'].map((path) => ({ path, sizeBytes: 0 }));
    expect(() => checkCaptureLimits(files, limits)).toThrow('more than 3 files. Most is in "m" (3 files), "." (1 files)');
  });
});

it('formatBytes speaks to people', () => {
  expect([0, 1023, 1024, 1536, 2 ** 30, 200 * 2 ** 20].map(formatBytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 GiB', '200 MiB']);
});

it('Notes tell each kind once, with three names', () => {
  const notes = new Notes();
  for (const name of ['a', 'b', 'c', 'd', 'd']) notes.add('left out', name);
  notes.add('kept', 'k');
  const told: string[] = [];
  notes.tell((note) => told.push(note));
  expect(told).toEqual(['left out: "a", "b", "c" and 1 more', 'kept: "k"']);
});
