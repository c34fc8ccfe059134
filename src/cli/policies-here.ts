import type { Policies } from '../contracts/index.ts';
import type { PlacedPolicies } from './place.ts';
import type { Services } from './services.ts';

/** What deals with policies is more to load than all the rest together. */
const room = () => import('../policy/index.ts');

/** The policies of this machine. */
export function policiesHere({ policies, journal }: Pick<Services, 'policies' | 'journal'>): PlacedPolicies {
  const load: Policies['load'] = (name) => policies.load(name);
  return {
    names: () => policies.names(),
    show: async (name) => {
      const found = await load(name);
      return { name: found.name, hash: found.hash, mode: found.mode, grant: found.grant, rules: found.rules, cedar: found.cedar() };
    },
    explain: async (name, question, asked) => (await room()).answer(await load(name), question, asked),
    test: async (name) => (await room()).testPolicy(await load(name)),
    lint: async (name) => (await load(name)).lint(),
    diff: async (old, young) => (await room()).compare(await load(old), await load(young)),
    backtest: async (name, { sinceMs, onFlip }) => (await room()).backtestOn(journal, await load(name), { fromMs: sinceMs, onFlip }),
  };
}
