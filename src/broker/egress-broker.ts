import { type Broker, type Clock, type Egress, GloveboxError } from '../contracts/index.ts';
import { Canaries } from './canaries/canaries.ts';
import type { Credentials } from './credentials/credentials.ts';
import { DEADLINES, type EgressDeadlines } from './egress/deadline.ts';
import type { Resolve } from './egress/upstreams.ts';
import type { KnownSecrets } from './redaction/known-secrets.ts';
import type { OperatorRegistries } from './registries/operator-registries.ts';
import { SessionRegistries } from './registries/session-registries.ts';

/** Opens a way out for each session, with an authority of its own. */
export class EgressBroker implements Broker {
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  readonly #credentials: Pick<Credentials, 'lend'>;
  readonly #known: KnownSecrets;
  readonly #registries: Pick<OperatorRegistries, 'find'>;
  readonly #deadlines: EgressDeadlines;

  constructor(options: { clock: Clock; resolve: Resolve; credentials: Pick<Credentials, 'lend'>; known: KnownSecrets; registries: Pick<OperatorRegistries, 'find'>; deadlines?: Partial<EgressDeadlines> }) {
    this.#clock = options.clock;
    this.#resolve = options.resolve;
    this.#credentials = options.credentials;
    this.#known = options.known;
    this.#registries = options.registries;
    this.#deadlines = { ...DEADLINES, ...options.deadlines };
  }

  async open({ gate, network, credentials: grants, canaries = NONE, borrower, signal }: Parameters<Broker['open']>[0]): Promise<Egress> {
    const registries = new SessionRegistries(await this.#registries.find(network.registries), { installScripts: network.installScripts === 'allow' });
    if (registries.events.length > 0) await gate.record(registries.events.map((data) => ({ type: 'egress.registry', data })));
    // Only now: most commands open no way out, and its packages take longer to load than such a command to run.
    const [{ SessionAuthority }, { SessionEgress }] = await Promise.all([import('./certificates/session-authority.ts'), import('./egress/session-egress.ts')]);
    const authority = await SessionAuthority.create(this.#clock);
    const leases = await this.#credentials.lend(grants.map(({ id }) => id), signal, { own: registries.providers, borrower });
    const noKeys = grants.find(({ id, keyIdVariable }) => keyIdVariable !== undefined && leases.some(({ credential, lentKeys }) => credential === id && lentKeys === undefined));
    if (noKeys !== undefined) {
      await Promise.all(leases.map((lease) => lease[Symbol.asyncDispose]()));
      throw new GloveboxError('credential_unavailable', `${noKeys.id} is no pair of keys, and policy names a variable for the id of one: expected { "AccessKeyId": …, "SecretAccessKey": … }, as the AWS CLI's credential_process prints it`);
    }
    return new SessionEgress({ gate, network, leases, grants: [...grants, ...registries.grants], registries, canaries: new Canaries(canaries), known: this.#known, authority, resolve: this.#resolve, deadlines: this.#deadlines, clock: this.#clock });
  }
}

const NONE = { env: false, files: false, found: 'report' } as const;
