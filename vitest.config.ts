import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const minutes = 60_000;

/**
 * One project a folder of test/: one after the other, and what measures sandboxes one file at a time. Two files of e2e go on at once: each is a user of his own, who mostly waits for
 * processes to begin.
 */
function project(name: string, groupOrder: number, deadlineMs: number, parallel = false) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: deadlineMs,
      hookTimeout: deadlineMs,
      fileParallelism: parallel,
      sequence: { groupOrder },
    },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // Processes that tests start load the same modules again and again: half of their start is compiling them.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'glovebox-tests', 'compiled') },
    reporters: process.env['CI'] ? [['default', { summary: false }], 'json'] : ['default'],
    outputFile: { json: 'coverage/test-results.json' },
    passWithNoTests: false,
    projects: [
      project('unit', 0, minutes / 2, true),
      project('integration', 1, 2 * minutes),
      project('security', 2, 2 * minutes),
      project('chaos', 3, 5 * minutes),
      project('e2e', 4, 5 * minutes, true),
    ],
  },
});
