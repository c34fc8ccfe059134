import type { Broker, Clock, Egress, EgressGate, NetworkGrant } from '../contracts/index.ts';
import { SessionAuthority } from './certificates/session-authority.ts';
import { DEADLINES, type EgressDeadlines } from './egress/deadline.ts';
import { SessionEgress } from './egress/session-egress.ts';
import type { Resolve } from './egress/upstreams.ts';

/** Opens a way out for each session, with an authority of its own. */
export class EgressBroker implements Broker {
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  readonly #deadlines: EgressDeadlines;

  constructor(options: { clock: Clock; resolve: Resolve; deadlines?: Partial<EgressDeadlines> }) {
    this.#clock = options.clock;
    this.#resolve = options.resolve;
    this.#deadlines = { ...DEADLINES, ...options.deadlines };
  }

  async open({ gate, network }: { gate: EgressGate; network: NetworkGrant }): Promise<Egress> {
    const authority = await SessionAuthority.create(this.#clock);
    return new SessionEgress({ gate, network, authority, resolve: this.#resolve, deadlines: this.#deadlines, clock: this.#clock });
  }
}
