import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Effect, policyDocument } from '../../../src/contracts/index.ts';
import { CompiledPolicy } from '../../../src/policy/compiled-policy.ts';
import { SHAPES, type Shapes } from './bypass-shapes.ts';
import { markingFolder } from './marking-folder.ts';

const policy = new CompiledPolicy([{ document: policyDocument.parse({ name: 'p', commands: { deny: [{ program: 'sudo' }] } }), file: 'p.yaml', lineOf: () => 1 }]);
const SHELLS = { bash: ['bash', '-c'], dash: ['dash', '-c'], busybox: ['busybox', 'sh', '-c'] } as const;
const textsOf = ({ deny = [], ask = [] }: Shapes): readonly (readonly [string, Effect])[] => [...deny.map((text) => [text, 'deny'] as const), ...ask.map((text) => [text, 'ask'] as const)];
const isThere = (program: string): boolean => ['/bin', '/usr/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, program)));

test('there are two hundred of them, and each is told once', () => {
  const all = SHAPES.flatMap((shapes) => textsOf(shapes).map(([text]) => `${shapes.shell ?? 'bash'} ${text}`));
  expect(all.length).toBeGreaterThanOrEqual(200);
  expect(new Set(all).size).toBe(all.length);
});

describe.each(SHAPES)('$family ($source)', (shapes) => {
  const { shell = 'bash', needs = [], unrun } = shapes;

  test.each(textsOf(shapes))('%j is %s', (text, effect) => {
    const decision = policy.decide({ action: 'command.exec', argv: [...SHELLS[shell], text], cwd: '/' });
    expect({ effect: decision.effect, because: decision.reason.text }).toEqual({ effect, because: expect.any(String) });
  });

  // Or the row would say nothing: what hides no program may as well be allowed.
  const runnable = unrun === true ? [] : textsOf(shapes);
  test.each(runnable)('%j does run the program', (text) => {
    expect([shell, ...needs].filter((program) => !isThere(program)), 'programs that are missing here (npm test installs them)').toEqual([]);
    const { folder, wasRun } = markingFolder('sudo');
    const { status, stderr } = spawnSync(`/bin/${shell}`, [...SHELLS[shell].slice(1), text], {
      cwd: folder,
      // Bare names that are looked for in the working folder, too: some shapes name files of theirs so.
      env: { PATH: `${join(folder, 'bin')}:/usr/local/bin:/usr/bin:/bin`, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
      // No socket: bash would think itself started from afar.
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    expect({ wasRun: wasRun(), status, stderr }).toMatchObject({ wasRun: true });
  });
});
