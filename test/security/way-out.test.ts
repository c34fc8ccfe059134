// Rows 47 to 68 of the corpus as one table, out of real sandboxes with a way out, against servers on this machine that wish them ill; and each of them once where nothing protects.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHECKS, runChecks, scorecard } from '../../src/sandbox/probe/index.ts';
import type { Check, Finding } from '../../src/sandbox/probe/index.ts';
import { KINDS } from '../support/sandbox-kinds.ts';
import { hostileChecks } from './hostile/hostile-checks.ts';
import { HostileWorld } from './hostile/hostile-world.ts';

const OWN = CHECKS.filter(({ group }) => group === 'network' || group === 'secrets');
/** What has nothing to do with the way out; `checks-can-fail.test.ts` has a place that breaks each. */
const OF_THE_PLACE = ['no ICMP leaves', 'there is no interface but loopback, and no route', 'no resolver or domain of the host is named', 'nobody answers on UDP 53 but the place itself, and nothing goes there', 'no crash is dumped, to a file or to the host', 'what was told in every way inside is in nothing that is kept outside'];

function table(world: () => HostileWorld): { readonly checks: readonly Check[]; readonly judge: (title: string) => Promise<Finding> } {
  // Only their titles are read before there is a world.
  const titles = [...OWN, ...hostileChecks({} as HostileWorld)];
  const judge = async (title: string): Promise<Finding> => {
    const check = [...OWN, ...hostileChecks(world())].find((one) => one.title === title);
    const [finding] = check === undefined ? [] : await runChecks(world().probed.place, [check]);
    if (finding === undefined) throw new Error(`there is no finding of ${title}`);
    return finding;
  };
  return { checks: titles, judge };
}

describe.each(KINDS)('out of a %s with a way out', (kind) => {
  const findings: Finding[] = [];
  let world: HostileWorld;
  const { checks, judge } = table(() => world);

  beforeAll(async () => {
    world = await HostileWorld.open(kind, { careless: false });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    process.stderr.write(`\nout of a ${kind} with a way out\n${scorecard(findings.toSorted((one, other) => one.check.rows[0] - other.check.rows[0]))}\n`);
  });

  test.each(checks)('$rows: $title', async ({ title }) => {
    const finding = await judge(title);
    findings.push(finding);
    expect(`${finding.verdict}: ${finding.evidence}`).toMatch(/^held: /);
  });

  test('and no row is left out', () => {
    expect(new Set(findings.flatMap(({ check }) => check.rows))).toEqual(new Set(Array.from({ length: 22 }, (_, i) => 47 + i)));
  });
});

describe('where the way out believes everybody', () => {
  let world: HostileWorld;
  const { checks, judge } = table(() => world);

  beforeAll(async () => {
    world = await HostileWorld.open('process', { careless: true });
  });
  afterAll(() => world?.[Symbol.asyncDispose]());

  test.each(checks.filter(({ title }) => !OF_THE_PLACE.includes(title)))('$rows: that $title is seen to be broken', async ({ title }) => {
    const { verdict, evidence } = await judge(title);
    expect(`${verdict}: ${evidence}`).toMatch(/^broken: (?!it could not be judged)/);
  });
});
