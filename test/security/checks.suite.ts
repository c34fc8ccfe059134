import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CHECKS, runChecks, scorecard } from '../../src/sandbox/probe/index.ts';
import type { Check, Finding, ProbedSandbox } from '../../src/sandbox/probe/index.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';
import { probedSandbox } from './places.ts';

export interface SuiteOptions {
  /** Checks that a kind does not pass, by title, each with the reason. They are run all the same, and one that has come to hold fails: its entry is to go. */
  readonly notHeld?: Readonly<Record<string, string>>;
  /** Checks that would end the place or never end, by title, with the reason. They are printed, so that nothing is left out in silence. */
  readonly notRun?: Readonly<Record<string, string>>;
}

/** The corpus in a real sandbox that has no way out; the scorecard is printed in the end. */
export function checksSuite(name: string, open: () => Promise<SandboxWorld>, { notHeld = {}, notRun = {} }: SuiteOptions = {}): void {
  describe(name, () => {
    const findings: Finding[] = [];
    let world: SandboxWorld;
    let real: ProbedSandbox | undefined;
    let spent = false;

    beforeAll(async () => {
      world = await open();
    });
    beforeEach(async () => {
      if (real !== undefined && !spent) return;
      await real?.[Symbol.asyncDispose]();
      real = await probedSandbox(world);
      spent = false;
    });
    afterAll(async () => {
      await real?.[Symbol.asyncDispose]();
      await world?.[Symbol.asyncDispose]();
      const left = Object.entries({ ...notRun, ...notHeld }).map(([title, reason]) => `  - ${title}: ${reason}`);
      process.stderr.write(`\n${name}\n${scorecard(findings)}\n${left.length > 0 ? `not held, or not run:\n${left.join('\n')}\n` : ''}`);
    });

    const judge = async (check: Check): Promise<Finding> => {
      if (real === undefined) throw new Error('there is no place');
      const [finding] = await runChecks(real.place, [check]);
      if (finding === undefined) throw new Error('there is no finding');
      findings.push(finding);
      spent = finding.verdict === 'broken';
      return finding;
    };

    test.each(CHECKS.filter(({ title, needsWayOut }) => needsWayOut === undefined && notRun[title] === undefined && notHeld[title] === undefined))('$rows: $title', async (check) => {
      const { verdict, evidence } = await judge(check);
      expect(`${verdict}: ${evidence}`).toMatch(/^held: /);
    });

    test.each(CHECKS.filter(({ title }) => notHeld[title] !== undefined))('$rows: $title (is known not to hold)', async (check) => {
      expect((await judge(check)).verdict).not.toBe('held');
    });
  });

  test(`${name}: exceptions are about checks that exist`, () => {
    expect([...Object.keys(notHeld), ...Object.keys(notRun)].filter((title) => !CHECKS.some((check) => check.title === title))).toEqual([]);
  });
}
