import type { EgressGate, EgressRequest, NetworkDestination } from '../../contracts/index.ts';
import type { Destination } from './names.ts';
import { EgressRefusal } from './refusal.ts';
import type { Place, Upstreams } from './upstreams.ts';

type NetworkRequest = Extract<EgressRequest, { action: 'network.connect' }>;

/** What a connection to a destination may come to, before anything is known of what will be asked on it. */
export type Passage = 'tunnel' | 'requests' | 'nothing';

/** The order of every way out: decide, resolve, look at the addresses, and decide again where they are private. */
export class Clearance {
  readonly #gate: EgressGate;
  readonly #destinations: readonly NetworkDestination[];
  readonly #upstreams: Upstreams;

  constructor(gate: EgressGate, destinations: readonly NetworkDestination[], upstreams: Upstreams) {
    this.#gate = gate;
    this.#destinations = destinations;
    this.#upstreams = upstreams;
  }

  passage({ host, port }: Destination): Passage {
    const named = this.#destinations.filter((one) => one.port === port && (one.host === host || (one.host.startsWith('*.') && host.endsWith(one.host.slice(1)))));
    if (named.some(({ tcp }) => tcp)) return 'tunnel';
    return named.length > 0 ? 'requests' : 'nothing';
  }

  /** Where to go with it, where all that is `carried` there may go, too. Errors: `EgressRefusal`, `UpstreamFailure`, and the gate's own. */
  async clear(request: NetworkRequest, carried: readonly EgressRequest[], signal: AbortSignal): Promise<Place> {
    const known = this.#upstreams.known(request);
    if (known !== undefined) {
      // Where it leads is no news: all is asked at once.
      await this.permit([known.isPrivate ? { ...request, private: true } : request, ...carried], signal);
      return known;
    }
    await this.permit([request], signal);
    const place = await this.#upstreams.at(request);
    const [next, ...others]: readonly EgressRequest[] = place.isPrivate ? [{ ...request, private: true }, ...carried] : carried;
    if (next !== undefined) await this.permit([next, ...others], signal);
    return place;
  }

  /** Errors: `EgressRefusal` with `denied`, and the gate's own. */
  async permit(requests: readonly [EgressRequest, ...EgressRequest[]], signal: AbortSignal): Promise<void> {
    const { allowed, decision } = await this.#gate.decide(requests, signal);
    if (!allowed) throw new EgressRefusal('denied', `refused by policy: ${decision.reason.rule}: ${decision.reason.text}`);
  }
}
