import { type Broker, type Clock, type Egress, GloveboxError, type NetworkGrant, type Stoppable } from '../contracts/index.ts';
import { Canaries } from './canaries/canaries.ts';
import type { Credentials } from './credentials/credentials.ts';
import { DEADLINES, type EgressDeadlines } from './egress/deadline.ts';
import type { Resolve } from './egress/upstreams.ts';
import type { KnownSecrets } from './redaction/known-secrets.ts';
import type { OperatorRegistries } from './registries/operator-registries.ts';
import { SessionRegistries } from './registries/session-registries.ts';
import type { RegistryCache } from './registry-cache/registry-cache.ts';
import type { RegistryCaches } from './registry-cache/registry-caches.ts';

/** Opens a way out for each session, with an authority of its own. */
export class EgressBroker implements Broker {
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  readonly #credentials: Pick<Credentials, 'lend'>;
  readonly #known: KnownSecrets;
  readonly #registries: Pick<OperatorRegistries, 'find'>;
  readonly #deadlines: EgressDeadlines;
  readonly #caches: RegistryCaches | undefined;

  constructor(options: { clock: Clock; resolve: Resolve; credentials: Pick<Credentials, 'lend'>; known: KnownSecrets; registries: Pick<OperatorRegistries, 'find'>; deadlines?: Partial<EgressDeadlines>; caches?: RegistryCaches }) {
    this.#clock = options.clock;
    this.#resolve = options.resolve;
    this.#credentials = options.credentials;
    this.#known = options.known;
    this.#registries = options.registries;
    this.#deadlines = { ...DEADLINES, ...options.deadlines };
    this.#caches = options.caches;
  }

  async open({ gate, network, credentials: grants, canaries = NONE, borrower, signal }: Parameters<Broker['open']>[0]): Promise<Egress> {
    const registries = await this.#registriesOf(network);
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
    return new SessionEgress({ gate, network, leases, grants: [...grants, ...registries.grants], registries, cache: await this.#cacheOf(network, borrower), canaries: new Canaries(canaries), known: this.#known, authority, resolve: this.#resolve, deadlines: this.#deadlines, clock: this.#clock });
  }

  async ports(network: NetworkGrant): Promise<readonly number[]> {
    return (await this.#registriesOf(network)).portsBeside(network);
  }

  async #registriesOf({ registries, installScripts }: NetworkGrant): Promise<SessionRegistries> {
    return new SessionRegistries(await this.#registries.find(registries), { installScripts: installScripts === 'allow' });
  }

  /** Of nobody but a tenant, and only where policy has room for it. */
  async #cacheOf({ registryCacheBytes: mostBytes }: NetworkGrant, borrower: Stoppable | undefined): Promise<RegistryCache | undefined> {
    if (mostBytes === undefined || borrower === undefined || this.#caches === undefined) return undefined;
    const { RegistryCache: Cache } = await import('./registry-cache/registry-cache.ts');
    return new Cache({ folder: this.#caches.folderOf(borrower.tenant), mostBytes });
  }
}

const NONE = { env: false, files: false, found: 'report' } as const;
