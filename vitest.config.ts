import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const minutes = 60_000;

/** One project a folder of test/. Files of the same order go two at a time, whichever folder they are in: most of them wait for others' processes most of the time. */
function project(name: string, groupOrder: number, deadlineMs: number) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: deadlineMs,
      hookTimeout: deadlineMs,
      sequence: { groupOrder },
      setupFiles: ['test/support/property-seed.ts'],
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
      project('unit', 0, minutes / 2),
      project('integration', 1, 2 * minutes),
      project('security', 1, 2 * minutes),
      project('chaos', 1, 5 * minutes),
      project('e2e', 1, 5 * minutes),
    ],
  },
});
