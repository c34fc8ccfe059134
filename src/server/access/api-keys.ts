import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Authority, type Clock, GloveboxError, type Journal, type Principal } from '../../contracts/index.ts';

/** Keys of all tenants, made and revoked. */
const STREAM = 'api-keys';
/** `gbx_<id>_<secret>`: 60 and 160 bits. */
const KEY = /^gbx_([0-9a-f]{15})_([A-Za-z0-9_-]{27})$/;
const ID_BYTES = 8;
const SECRET_BYTES = 20;
const NAME_CHARS = 128;
/** So long what was read of the journal counts: a key that another process revoked opens nothing after that. */
const FRESH_MS = 50;

/** A key as its administrator sees it: the key itself is shown once, when it is made. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly createdMs: number;
  readonly createdBy: string;
  readonly expiresMs?: number;
  readonly revokedMs?: number;
}

interface Known extends ApiKey {
  readonly hash: string;
}

export interface NewApiKey {
  readonly name: string;
  readonly tenant: string;
  /** What they include is in them. */
  readonly roles: readonly string[];
  readonly expiresMs?: number | undefined;
}

/** The keys that clients come with. What is kept of one is a hash: 160 random bits need no slow one. */
export class ApiKeys {
  readonly #journal: Journal;
  readonly #authority: Authority;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  #seq = 0;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor({ journal, authority, clock }: { journal: Journal; authority: Authority; clock: Clock }) {
    this.#journal = journal;
    this.#authority = authority;
    this.#clock = clock;
  }

  /** Gives the key, for the only time. Errors: `usage`, `denied` where it would be for another tenant. */
  async create(wanted: NewApiKey, by: Principal): Promise<{ readonly key: string; readonly entry: ApiKey }> {
    this.#mayAdminister(by, wanted.tenant);
    if (wanted.name.trim() === '' || wanted.name.length > NAME_CHARS) throw new GloveboxError('usage', `a key has a name of 1 to ${NAME_CHARS} characters`);
    const { roles } = this.#authority.holding(wanted.tenant, `key:${wanted.name}`, wanted.roles);
    const id = randomBytes(ID_BYTES).toString('hex').slice(1);
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const expires = wanted.expiresMs === undefined ? {} : { expiresMs: wanted.expiresMs };
    await this.#journal.append(STREAM, [{ type: 'api_key.created', data: { key: id, name: wanted.name, tenant: wanted.tenant, roles, hash: hashOf(secret), by: by.name, ...expires } }], { durable: true });
    await this.#refresh();
    return { key: `gbx_${id}_${secret}`, entry: this.#entry(id) };
  }

  /** From now on it opens nothing. Errors: `not_found`, for keys of another tenant as well. */
  async revoke(id: string, by: Principal): Promise<ApiKey> {
    this.#mayAdminister(by, by.tenant);
    await this.#refresh();
    const known = this.#known.get(id);
    if (known === undefined || known.tenant !== by.tenant) throw new GloveboxError('not_found', `there is no key ${id}`);
    if (known.revokedMs === undefined) await this.#journal.append(STREAM, [{ type: 'api_key.revoked', data: { key: id, by: by.name } }], { durable: true });
    await this.#refresh();
    return this.#entry(id);
  }

  /** Those of the asker's tenant, newest first. */
  async list(by: Principal): Promise<readonly ApiKey[]> {
    this.#mayAdminister(by, by.tenant);
    await this.#refresh();
    return [...this.#known.values()].filter(({ tenant }) => tenant === by.tenant).map(({ id }) => this.#entry(id)).toReversed();
  }

  /** Whether anybody could ever come in. */
  async isEmpty(): Promise<boolean> {
    await this.#refresh();
    return this.#known.size === 0;
  }

  /** Who comes with it; undefined for a key that is none, or no more. What other processes made counts at once, and what they revoked 50 ms later. */
  async authenticate(key: string): Promise<Principal | undefined> {
    const [, id, secret] = KEY.exec(key) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    if (!this.#known.has(id) || !this.#isFresh) await this.#refresh();
    const known = this.#known.get(id);
    if (known === undefined || !timingSafeEqual(Buffer.from(known.hash), Buffer.from(hashOf(secret)))) return undefined;
    if (!this.#isGood(known)) return undefined;
    return { tenant: known.tenant, name: `key:${known.name}`, roles: [...known.roles] };
  }

  /** Whether somebody who came with a key could still come with one of that name; nothing is known here of those who came in another way. */
  async knows({ tenant, name }: Principal): Promise<boolean> {
    if (!name.startsWith('key:')) return true;
    await this.#refresh();
    return [...this.#known.values()].some((known) => known.tenant === tenant && `key:${known.name}` === name && this.#isGood(known));
  }

  #isGood({ revokedMs, expiresMs }: Pick<ApiKey, 'revokedMs' | 'expiresMs'>): boolean {
    return revokedMs === undefined && (expiresMs === undefined || expiresMs > this.#clock.now());
  }

  /** A clock that was set back makes nothing fresh. */
  get #isFresh(): boolean {
    const ageMs = this.#clock.now() - this.#readMs;
    return ageMs >= 0 && ageMs < FRESH_MS;
  }

  async #refresh(): Promise<void> {
    // Of a moment before it is read: what comes in between is not taken for known.
    const nowMs = this.#clock.now();
    for (const event of await this.#journal.read(STREAM, this.#seq)) {
      // Two that refresh at once read the same events.
      if (event.seq <= this.#seq) continue;
      this.#seq = event.seq;
      if (event.type === 'api_key.created') {
        const { key: id, by, ...data } = event.data;
        this.#known.set(id, { id, ...data, createdBy: by, createdMs: event.timeMs });
      } else if (event.type === 'api_key.revoked') {
        const known = this.#known.get(event.data.key);
        if (known !== undefined) this.#known.set(known.id, { ...known, revokedMs: event.timeMs });
      }
    }
    this.#readMs = nowMs;
  }

  #entry(id: string): ApiKey {
    const known = this.#known.get(id);
    if (known === undefined) throw new GloveboxError('internal', `the key ${id} is not in the journal`);
    const { hash: _unseen, ...entry } = known;
    return entry;
  }

  #mayAdminister(by: Principal, tenant: string): void {
    if (!this.#authority.may(by, 'administer', tenant)) throw new GloveboxError('denied', `no role of ${by.name} lets him administer the keys of ${tenant}`);
  }
}

function hashOf(secret: string): string {
  return `sha256:${hash('sha256', secret)}`;
}
