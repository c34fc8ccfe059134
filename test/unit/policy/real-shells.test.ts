import { spawnSync, type SpawnSyncOptions } from 'node:child_process';
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

/** Of each kind of text. */
const ENOUGH_MS = 60_000;
const BACKGROUND_MS = 200;
const LOOK_MS = 5;

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
  ] as const)('%s', { timeout: 240_000 }, async (_, texts, numRuns) => {
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
        runToItsEnd(file, [...args, text], join(folder, 'work'), { PATH: bin, S: 'sudo', D: 'do', P: bin, HOME: folder });
        expect(wasRun()).toBe(false);
      }),
      // A busy machine tries fewer of them.
      { numRuns, interruptAfterTimeLimit: ENOUGH_MS },
    );
    // Most are denied or asked about without being run; some are not, or this test would say nothing.
    expect(allowed).toBeGreaterThan(0);
  });
});

/**
 * In a process group of its own, of which nothing is left afterwards: what a text does in the background has a moment to show, and later it would run in the folder of the next text and be
 * taken for its doing.
 */
function runToItsEnd(file: string, args: readonly string[], cwd: string, env: Record<string, string>): void {
  // Node takes `detached` here as it does for `spawn`; its types do not know.
  const options: SpawnSyncOptions & { readonly detached: boolean } = { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'], timeout: 5_000, killSignal: 'SIGKILL' };
  const { pid } = spawnSync(file, args, options);
  for (let waited = 0; waited < BACKGROUND_MS && signalGroup(pid, 0); waited += LOOK_MS) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  signalGroup(pid, 'SIGKILL');
}

/** Whether there is anybody in it. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** A folder whose `sudo` only leaves a mark, with nothing else to run but what the texts need. */
function shellFolder() {
  const marking = markingFolder('sudo');
  for (const name of ['cat', 'bash', 'sh', 'env', 'xargs']) {
    const program = [`/bin/${name}`, `/usr/bin/${name}`].find((path) => existsSync(path));
    if (program !== undefined) symlinkSync(program, join(marking.folder, 'bin', name));
  }
  return marking;
}
