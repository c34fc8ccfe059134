import { GloveboxError, type Principal, type SandboxKind, type ServedTerms } from '../../contracts/index.ts';
import { type GovernedSandbox, Session, type SessionOptions } from '../../session/index.ts';
import type { ServerPorts } from '../server-ports.ts';
import { adoptServed } from './adoption.ts';
import { NarrowedPolicy, type Narrowing } from './narrowed-policy.ts';
import { OwnSnapshots } from './own-snapshots.ts';
import { type Labels, ServedSandbox } from './served-sandbox.ts';
import { Spool, SPOOL_LIMITS, type SpoolLimits } from './spool.ts';

/** Sandboxes that a tenant may have open here, where the operator says nothing. */
const MOST_PER_TENANT = 256;

export interface NewSandbox extends Narrowing {
  readonly policy: string;
  readonly image?: string | undefined;
  readonly kind?: SandboxKind | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What the workspace begins with. */
  readonly snapshot?: string | undefined;
  readonly labels: Labels;
}

/** What of a session's own is the client's to say. */
function askedOf({ image, kind, env }: NewSandbox): Pick<SessionOptions, 'image' | 'kinds' | 'env'> {
  return { ...(image === undefined ? {} : { image }), ...(kind === undefined ? {} : { kinds: [kind] }), ...(env === undefined ? {} : { env }) };
}

function termsOf(wanted: NewSandbox): ServedTerms {
  const { env, ...asked } = askedOf(wanted);
  const { policy, labels, session, sandbox } = wanted;
  return { policy, labels, ...asked, ...(env === undefined ? {} : { env: Object.keys(env) }), ...(session === undefined ? {} : { session }), ...(sandbox === undefined ? {} : { sandbox }) };
}

/** What clients have open. A sandbox is there until somebody deletes it, its session's time is over, or the server stops. */
export class ServedSandboxes implements AsyncDisposable {
  readonly #ports: ServerPorts;
  readonly #snapshots: OwnSnapshots;
  readonly #spool: Spool;
  readonly #mostPerTenant: number;
  /** Of tenants, that are being made. */
  readonly #making = new Map<string, number>();
  readonly #open = new Map<string, ServedSandbox>();

  constructor(ports: ServerPorts, { perTenant = MOST_PER_TENANT, spool = SPOOL_LIMITS }: { readonly perTenant?: number | undefined; readonly spool?: SpoolLimits | undefined } = {}) {
    this.#ports = ports;
    this.#snapshots = new OwnSnapshots(ports.journal);
    this.#spool = new Spool(ports.spoolDir, spool, ports.spoolKeys);
    this.#mostPerTenant = perTenant;
  }

  get size(): number {
    return this.#open.size;
  }

  /** A session of its own with one sandbox. Errors: `admission_full`, those of `Policies.load`, `Session.open` and of the driver. */
  async create(wanted: NewSandbox, owner: Principal, signal: AbortSignal): Promise<ServedSandbox> {
    using _place = this.#place(owner.tenant, 1);
    const { snapshot } = wanted;
    if (snapshot !== undefined) await this.#snapshots.demand(snapshot, owner.tenant);
    const policy = new NarrowedPolicy(await this.#ports.policies.load(wanted.policy), wanted);
    const session = await Session.open(this.#ports.sessions, { principal: owner, policy, ...askedOf(wanted), served: termsOf(wanted) });
    // Whoever has gone before it was there will never delete it.
    const leave = (): void => void session.close('its client has gone').catch(() => undefined);
    signal.addEventListener('abort', leave, { once: true });
    try {
      const sandbox = this.#keep(await session.sandbox('http', snapshot === undefined ? {} : { snapshot }), session, { owner, labels: wanted.labels });
      signal.throwIfAborted();
      return sandbox;
    } catch (error) {
      await session.close('its sandbox could not be made').catch(() => undefined);
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Goes on with what a service of this state folder had open when it died. Never rejects: what cannot be gone on with is ended, and said. */
  async adopt(how: { readonly signal: AbortSignal; readonly note: (text: string) => void }): Promise<void> {
    await adoptServed(this.#ports, { ...how, spool: this.#spool, keep: (governed, session, about) => this.#keep(governed, session, about) });
  }

  /** More sandboxes of the same session, which begin with this one's workspace. */
  async fork(source: ServedSandbox, count: number): Promise<{ readonly snapshot: string; readonly sandboxes: readonly ServedSandbox[] }> {
    using _places = this.#place(source.owner.tenant, count);
    const { snapshot, sandboxes } = await source.session.fork(source.governed, count, 'http');
    return { snapshot: snapshot.id, sandboxes: sandboxes.map((governed) => this.#keep(governed, source.session, { owner: source.owner, labels: source.labels })) };
  }

  /** A snapshot of its tenant instead of its workspace. Errors: `not_found`, those of `GovernedSandbox.restore`. */
  async restore(sandbox: ServedSandbox, snapshot: string): Promise<void> {
    await this.#snapshots.demand(snapshot, sandbox.owner.tenant);
    await sandbox.governed.restore(snapshot);
  }

  /** Errors: `not_found`, for those of another tenant as well. */
  get(id: string, as: Principal): ServedSandbox {
    const sandbox = this.#open.get(id);
    if (sandbox === undefined || sandbox.owner.tenant !== as.tenant) throw new GloveboxError('not_found', `there is no sandbox ${id}, or no more`);
    return sandbox;
  }

  /** Of the asker's tenant, oldest first. */
  list(as: Principal): readonly ServedSandbox[] {
    return [...this.#open.values()].filter(({ owner }) => owner.tenant === as.tenant);
  }

  /** Resolves when nothing is left of it; the session ends with its last sandbox. */
  async remove(sandbox: ServedSandbox): Promise<void> {
    this.#open.delete(sandbox.id);
    const isLast = ![...this.#open.values()].some(({ session }) => session === sandbox.session);
    if (isLast) await sandbox.session.close('deleted by its client');
    else await sandbox.governed.destroy('deleted by its client');
    await sandbox[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open.values()];
    const sessions = new Set(open.map(({ session }) => session));
    await Promise.allSettled([...sessions].map((session) => session.close('the server stops')));
    await Promise.allSettled(open.map((sandbox) => sandbox[Symbol.asyncDispose]()));
  }

  /** Kept for sandboxes that are to be made. Errors: `admission_full`. */
  #place(tenant: string, count: number): Disposable {
    const making = this.#making.get(tenant) ?? 0;
    const open = [...this.#open.values()].filter(({ owner }) => owner.tenant === tenant).length;
    if (open + making + count > this.#mostPerTenant) throw new GloveboxError('admission_full', `the tenant ${tenant} has ${open} sandboxes open, and may have ${this.#mostPerTenant}: delete one`, { details: { retryAfterSeconds: 1 } });
    this.#making.set(tenant, making + count);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#making.get(tenant) ?? 0) - count;
        if (left > 0) this.#making.set(tenant, left);
        else this.#making.delete(tenant);
      },
    };
  }

  #keep(governed: GovernedSandbox, session: Session, about: Pick<ServedSandbox, 'owner' | 'labels'> & { readonly createdMs?: number }): ServedSandbox {
    const sandbox = new ServedSandbox({ createdMs: governed.createdMs ?? this.#ports.clock.now(), ...about, governed, session, spool: this.#spool });
    this.#open.set(sandbox.id, sandbox);
    void governed.gone.then(() => {
      this.#open.delete(sandbox.id);
      return sandbox[Symbol.asyncDispose]();
    });
    return sandbox;
  }
}
