import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markingFolder } from './marking-folder.ts';
import { policyOf } from './policies.ts';
import { FUNCTIONS, NAMES, TOKENS, WAYS } from './shell-ways.ts';

/** By what a policy is asked about, what is started. */
const SHELLS = [
  { argv: ['bash', '-c'], file: '/bin/bash', args: ['-c'] },
  { argv: ['sh', '-c'], file: '/bin/bash', args: ['--posix', '-c'] },
  { argv: ['dash', '-c'], file: '/bin/dash', args: ['-c'] },
  { argv: ['busybox', 'sh', '-c'], file: '/bin/busybox', args: ['sh', '-c'] },
];

const within = (ways: readonly string[], name: string): string => ways.reduce((inner, way) => way.replaceAll('X', () => inner), name);
const nested = fc.tuple(fc.array(fc.constantFrom(...WAYS, ...FUNCTIONS), { minLength: 1, maxLength: 3 }), fc.constantFrom(...NAMES)).map(([ways, name]) => within(ways, name));
const token = fc.constantFrom(...TOKENS);
const made = fc.array(token, { minLength: 2, maxLength: 14 }).map((tokens) => tokens.join(''));
/** A text with pieces put in, and taken out. */
const broken = fc
  .tuple(fc.array(fc.constantFrom(...WAYS), { minLength: 1, maxLength: 3 }), fc.constantFrom(...NAMES), fc.array(fc.tuple(fc.nat(), token, fc.nat(2)), { minLength: 1, maxLength: 3 }))
  .map(([ways, name, breaks]) =>
    breaks.reduce((text, [place, piece, gone]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + (gone === 0 ? piece : '') + text.slice(at + gone);
    }, within(ways, name)),
  );

describe('no program that a rule names is run by a text that was allowed', () => {
  test.each([
    ['that is a way in a way', nested, 1_500],
    ['that was broken', broken, 2_500],
    ['that is made of any words', made, 4_000],
  ] as const)('%s', { timeout: 120_000 }, async (_, texts, numRuns) => {
    expect(SHELLS.filter(({ file }) => !existsSync(file)).map(({ file }) => file), 'shells that are missing here').toEqual([]);
    const policy = await policyOf('commands: { deny: [{ program: sudo }] }');
    const { folder, wasRun, forget } = shellFolder();
    let allowed = 0;
    fc.assert(
      fc.property(texts, fc.constantFrom(...SHELLS), (text, { argv, file, args }) => {
        if (policy.decide({ action: 'command.exec', argv: [...argv, text], cwd: '/' }).effect !== 'allow') return;
        allowed++;
        const bin = join(folder, 'bin');
        // What an earlier text left would be this one's fault.
        forget();
        rmSync(join(folder, 'work'), { recursive: true, force: true });
        mkdirSync(join(folder, 'work'));
        symlinkSync(bin, join(folder, 'work', 'bin'));
        spawnSync(file, [...args, text], { cwd: join(folder, 'work'), env: { PATH: bin, S: 'sudo', D: 'do', P: bin, HOME: folder }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 5_000, killSignal: 'SIGKILL' });
        expect(wasRun()).toBe(false);
      }),
      { numRuns },
    );
    // Most are denied or asked about without being run; some are not, or this test would say nothing.
    expect(allowed).toBeGreaterThan(0);
  });
});

/** A folder whose `sudo` only leaves a mark, with nothing else to run but what the texts need. */
function shellFolder() {
  const marking = markingFolder('sudo');
  for (const name of ['cat', 'bash', 'sh', 'env', 'xargs']) {
    const program = [`/bin/${name}`, `/usr/bin/${name}`].find((path) => existsSync(path));
    if (program !== undefined) symlinkSync(program, join(marking.folder, 'bin', name));
  }
  return marking;
}
