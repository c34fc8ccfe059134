import type { Glovebox } from '../../client/index.ts';
import { GloveboxError } from '../../contracts/index.ts';
import type { Answered, Flip, PolicyDiff } from '../../policy/index.ts';
import type { PlacedPolicies, PolicyTests, ShownPolicy } from '../place.ts';

/** As many as a server tells. */
const MOST_FLIPS = 1000;

/** The policies of a server. What it says of them has on both sides of the wire the same shape: docs/api.md */
export function remotePolicies({ policies }: Glovebox): PlacedPolicies {
  return {
    names: () => Array.fromAsync(policies.names()),
    show: async (name) => (await policies.get(byName(name))) as unknown as ShownPolicy,
    explain: async (name, question, { as: { tenant, name: user, roles }, variables }) => {
      const as = { roles: [...roles], ...(tenant === '' ? {} : { tenant }), ...(user === '' ? {} : { name: user }) };
      // The same form is checked on both sides.
      const asked = { question: question as Parameters<typeof policies.explain>[1]['question'], as, ...(variables === undefined ? {} : { variables: { ...variables } }) };
      return (await policies.explain(byName(name), asked)) as unknown as Answered;
    },
    test: async (name) => (await policies.test(byName(name))) as PolicyTests,
    lint: (name) => policies.lint(byName(name)),
    diff: async (old, young) => (await policies.diff(byName(old), byName(young))) as unknown as PolicyDiff,
    backtest: async (name, { sinceMs, onFlip }) => {
      const { flips, ...report } = await policies.backtest(byName(name), { flips: MOST_FLIPS, ...(sinceMs === undefined ? {} : { sinceMs }) });
      for (const flip of flips as unknown as readonly Flip[]) await onFlip(flip);
      return report;
    },
  };
}

/** Errors: `usage`. */
function byName(policy: string): string {
  if (!/^\w[\w.-]*$/.test(policy)) throw new GloveboxError('usage', `${policy}: a server has policies by name alone; leave --server and GLOVEBOX_URL away for a file of this machine`);
  return policy;
}
