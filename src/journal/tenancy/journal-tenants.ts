import { type Authority, type Erasure, GloveboxError, LOCAL_TENANT, type Principal, type Retained, type TenantCaches, type TenantFile, type Tenants } from '../../contracts/index.ts';
import { Erasures, type ErasuresOptions } from './erasures.ts';
import { livingStreams } from './living-streams.ts';
import { MachineErasures, type MachineErasuresOptions } from './machine-erasures.ts';
import { TenantExport } from './tenant-export.ts';
import { TENANTS_STREAM } from './tenants-stream.ts';

export interface JournalTenantsOptions extends ErasuresOptions, MachineErasuresOptions {
  readonly authority: Authority;
  readonly caches: TenantCaches;
}

/** What of tenants is in a journal and its blobs. */
export class JournalTenants implements Tenants {
  readonly #options: JournalTenantsOptions;
  readonly #erasures: Erasures;
  readonly #here: MachineErasures;

  constructor(options: JournalTenantsOptions) {
    this.#options = options;
    this.#erasures = new Erasures(options);
    this.#here = new MachineErasures(options);
  }

  async *export(tenant: string, by: Principal): AsyncIterable<TenantFile> {
    this.#require(tenant, by);
    const { journal, clock } = this.#options;
    const parts = new TenantExport(this.#options, tenant);
    yield* parts.streams();
    if (parts.counts.streams === 0) throw new GloveboxError('not_found', `there is nothing of a tenant ${tenant}`);
    yield* parts.books();
    yield* parts.blobs();
    yield* parts.summary(clock.now());
    const { streams, events, blobs } = parts.counts;
    await journal.append(TENANTS_STREAM, [{ type: 'tenant.exported', data: { tenant, by: by.name, streams, events, blobs } }], { durable: true });
  }

  async living(tenant: string): Promise<readonly string[]> {
    const { journal, clock } = this.#options;
    return (await livingStreams(journal, tenant, clock.now())).map(({ stream }) => stream);
  }

  async erase(...[tenant, by, options]: Parameters<Tenants['erase']>): Promise<Erasure> {
    this.#require(tenant, by);
    const erasure = await this.#erasures.erase(tenant, by, options);
    await this.#here.catchUp();
    return erasure;
  }

  async retain(by: Principal): Promise<Retained> {
    this.#require(LOCAL_TENANT, by);
    const retained = await this.#erasures.retain(by);
    await this.#here.catchUp();
    return retained;
  }

  forgetErased(signal: AbortSignal): Promise<void> {
    return this.#here.follow(signal);
  }

  /** A tenant's administrator may do it with what is his, and whoever administers this installation with everything. */
  #require(tenant: string, by: Principal): void {
    const isHis = by.tenant === tenant || by.tenant === LOCAL_TENANT;
    if (!isHis || !this.#options.authority.may(by, 'administer', by.tenant)) throw new GloveboxError('denied', `no role of ${by.name} lets him administer the tenant ${tenant}`);
  }
}
