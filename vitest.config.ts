import { defineConfig } from 'vitest/config';

const minutes = 60_000;

/** One project a folder of test/: what needs an engine runs one file at a time, because it measures and shares the machine. */
function project(name: string, deadlineMs: number, parallel: boolean) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: deadlineMs,
      hookTimeout: deadlineMs,
      fileParallelism: parallel,
    },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: process.env['CI'] ? [['default', { summary: false }], 'json'] : ['default'],
    outputFile: { json: 'coverage/test-results.json' },
    passWithNoTests: false,
    projects: [
      project('unit', minutes / 2, true),
      project('integration', 2 * minutes, false),
      project('security', 2 * minutes, false),
      project('e2e', 5 * minutes, false),
    ],
  },
});
