import type { Broker, EgressGate, EgressRequest, NewEvent, Policy } from '../contracts/index.ts';
import { WayOut } from '../session/index.ts';
import type { ProbeWayOut } from './services.ts';

/** What a probe tries is not to be refused for being much. */
const ENOUGH = 1_000_000;

/** The way out that a policy opens, with nothing lent to it: what is let loose in there is hostile. Undefined where it opens none. Errors: `config_invalid`, `cancelled`. */
export async function openWayOut(broker: Broker | undefined, policy: Policy, signal: AbortSignal): Promise<(ProbeWayOut & AsyncDisposable) | undefined> {
  const { network, canaries } = policy.grant;
  if (broker === undefined || network === undefined) return undefined;
  const events: NewEvent[] = [];
  const limits = { ...network.limits, requests: ENOUGH, requestsPerSecond: ENOUGH };
  const way = await WayOut.open({ broker, network: { ...network, limits }, credentials: [], canaries, signal, gate: gateOf(policy, events) });
  const named = network.destinations.find(({ host, tcp }) => !tcp && !host.startsWith('*.'));
  return {
    host: named?.host ?? 'nobody.invalid',
    port: named?.port ?? 80,
    widen: (spec) => way.widen(spec),
    give: (sandbox, giving) => way.give(sandbox, giving),
    journal: () => JSON.stringify(events),
    [Symbol.asyncDispose]: () => way[Symbol.asyncDispose](),
  };
}

function gateOf(policy: Policy, events: NewEvent[]): EgressGate {
  return {
    decide: async ([first, ...others]) => {
      const judge = (request: EgressRequest) => {
        const decision = policy.decide(request);
        const allowed = decision.effect === 'allow';
        events.push({ type: 'decision', data: { request, decision, allowed } });
        return { allowed, decision };
      };
      return others.reduce((last, request) => (last.allowed ? judge(request) : last), judge(first));
    },
    record: async (written) => void events.push(...written),
  };
}
