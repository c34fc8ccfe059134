import type { Transform } from 'node:stream';
import type { CredentialGrant, DecisionRequest } from '../../contracts/index.ts';
import { type AwsKeyPair, readKeyPair } from '../aws/key-pair.ts';
import { signAnew } from '../aws/sign-anew.ts';
import { readSigned, type SignedRequest } from '../aws/signed-request.ts';
import { authorityOf } from '../egress/names.ts';
import { EgressRefusal } from '../egress/refusal.ts';
import type { Lease } from './lease.ts';
import { type Pair, Scrubber } from './scrubber.ts';
import { type Headers, placesOf, type RequestHead, swap, type SwapPlace } from './swap.ts';

type CredentialRequest = Extract<DecisionRequest, { action: 'credential.use' }>;

/** What a request is apart from what it carries. */
export interface Bearer extends Pick<CredentialRequest, 'scheme' | 'host' | 'port' | 'method' | 'path'> {
  readonly hasBody: boolean;
  readonly isWebSocket: boolean;
}

/** Rejects where a credential may not go. */
export type Permit = (request: CredentialRequest, signal: AbortSignal) => Promise<void>;

/** A request as it leaves. */
export interface Provided extends RequestHead {
  /** What its body goes through: secrets are put in, pieces are signed. */
  readonly body: readonly Transform[];
  /** It may come out of that with another length. */
  readonly changesLength: boolean;
  /** By name. More may come with the body. */
  readonly credentials: readonly string[];
  /** What takes secrets out of the answer, where it comes of one who knows any: to be asked when the answer begins. */
  scrubber(): Scrubber | undefined;
}

interface Signing {
  readonly credential: string;
  readonly signed: SignedRequest;
  readonly lent: AwsKeyPair;
  readonly real: AwsKeyPair;
}

interface Held {
  readonly lease: Lease;
  readonly grant: CredentialGrant;
}

/** Headers by which an answer would come in a form, or in parts, that cannot be looked through. */
const HIDING = new Set(['accept-encoding', 'range', 'if-range']);

/** What one session was lent. */
export class SessionCredentials implements AsyncDisposable {
  readonly #held: readonly Held[];
  readonly #permit: Permit;
  /** Hosts that were given a secret: what they say may have it in it. */
  readonly #knowing = new Set<string>();
  #scrubber: { readonly of: readonly (readonly Pair[])[]; readonly is: Scrubber } | undefined;

  constructor(leases: readonly Lease[], grants: readonly CredentialGrant[], permit: Permit) {
    this.#held = leases.flatMap((lease) => grants.filter(({ id }) => id === lease.credential).map((grant) => ({ lease, grant })));
    this.#permit = permit;
  }

  /** The placeholders, each in its variable. */
  get env(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#held.flatMap(({ lease, grant }) => [[grant.variable, lease.placeholder], ...(grant.keyIdVariable === undefined || lease.lentKeys === undefined ? [] : [[grant.keyIdVariable, lease.lentKeys.id]])]));
  }

  /** Puts in what is allowed to go there. Errors: `EgressRefusal`, and those of `permit`. */
  async provide(head: RequestHead, bearer: Bearer, signal: AbortSignal): Promise<Provided> {
    const swaps: (Pair & { readonly credential: string; readonly places: readonly SwapPlace[] })[] = [];
    for (const { lease } of this.#held) {
      const places = placesOf(head, lease.placeholder);
      if (places.length > 0) swaps.push({ credential: lease.credential, places: await this.#allowed(lease, places, bearer, signal), placeholder: lease.placeholder, secret: await valueOf(lease) });
    }
    const signing = await this.#signing(head, bearer, signal);
    if (swaps.length > 0 || signing?.real.token !== undefined) this.#knowing.add(bearer.host);
    const swapping = await this.#intoBody(bearer, signal);
    const { path, headers } = swap(head, swaps);
    const readable = swapping !== undefined || this.#knowing.has(bearer.host) ? plainly(headers) : headers;
    const left = signing === undefined ? { head: { path, headers: readable }, body: undefined } : signAnew({ ...signing, head: { path, headers: readable }, host: authorityOf(bearer.scheme, bearer) });
    const scrubber = (): Scrubber | undefined => (this.#knowing.has(bearer.host) ? this.#scrubberNow() : undefined);
    const credentials = [...swaps.map(({ credential }) => credential), ...(signing === undefined ? [] : [signing.credential])];
    return { ...left.head, body: [swapping, left.body].filter((one) => one !== undefined), changesLength: swapping !== undefined, credentials, scrubber };
  }

  /** Where a request is signed with keys that were lent, and may be: with what. */
  async #signing(head: RequestHead, bearer: Bearer, signal: AbortSignal): Promise<Signing | undefined> {
    for (const { lease, grant } of this.#held) {
      const { lentKeys: lent, credential } = lease;
      const signed = lent === undefined || grant.keyIdVariable === undefined ? undefined : readSigned(head, bearer.method, lent.id, bearer.hasBody);
      if (lent === undefined || signed === undefined) continue;
      await this.#ask(credential, signed.place, bearer, signal);
      const real = readKeyPair(await valueOf(lease));
      if (real === undefined) throw new EgressRefusal('credential_unavailable', `${credential} is no pair of keys any more`);
      return { credential, signed, lent, real };
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#held.map(({ lease }) => lease[Symbol.asyncDispose]()));
  }

  /** Made anew only where a lease has a new value: every answer needs it. */
  #scrubberNow(): Scrubber {
    const of = this.#held.map(({ lease }) => lease.pairs);
    if (this.#scrubber === undefined || of.some((pairs, i) => pairs !== this.#scrubber?.of[i])) this.#scrubber = { of, is: new Scrubber(of.flat()) };
    return this.#scrubber.is;
  }

  async #allowed({ credential, lentKeys }: Lease, places: ReturnType<typeof placesOf>, bearer: Bearer, signal: AbortSignal): Promise<readonly SwapPlace[]> {
    if (bearer.isWebSocket) throw new EgressRefusal('credential_misplaced', `${credential} goes with no WebSocket: what comes back could not be looked through`);
    if (lentKeys !== undefined) throw new EgressRefusal('credential_misplaced', `${credential} is a pair of keys: requests are signed with it, and it goes nowhere itself`);
    const allowed = places.filter((place) => place !== 'path');
    if (allowed.length < places.length) throw new EgressRefusal('credential_misplaced', `${credential} goes into no path: servers write paths down`);
    for (const place of allowed) await this.#ask(credential, place, bearer, signal);
    return allowed;
  }

  /** Only for credentials that some place binds to bodies: no other body is looked at. */
  async #intoBody(bearer: Bearer, signal: AbortSignal): Promise<Transform | undefined> {
    const held = bearer.hasBody ? this.#held.filter(({ grant, lease }) => grant.inBody && lease.lentKeys === undefined) : [];
    if (held.length === 0) return undefined;
    const pairs = await Promise.all(held.map(async ({ lease }) => ({ secret: lease.placeholder, placeholder: await valueOf(lease) })));
    return new Scrubber(pairs).stream(async ({ secret: placeholder }) => {
      const found = held.find(({ lease }) => lease.placeholder === placeholder);
      if (found !== undefined) await this.#ask(found.lease.credential, 'body', bearer, signal);
      this.#knowing.add(bearer.host);
    });
  }

  #ask(credential: string, place: SwapPlace, { scheme, host, port, method, path }: Bearer, signal: AbortSignal): Promise<void> {
    return this.#permit({ action: 'credential.use', credential, place, scheme, host, port, method, path }, signal);
  }
}

/** Why a provider cannot lend is not for the program to know. */
async function valueOf(lease: Lease): Promise<string> {
  try {
    return await lease.value();
  } catch {
    throw new EgressRefusal('credential_unavailable', `${lease.credential} cannot be lent now`);
  }
}

function plainly(headers: Headers): Headers {
  return [...headers.filter(([name]) => !HIDING.has(name.toLowerCase())), ['accept-encoding', 'identity']];
}
