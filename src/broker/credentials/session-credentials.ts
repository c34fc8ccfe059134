import type { Transform } from 'node:stream';
import type { CredentialGrant, EgressRequest } from '../../contracts/index.ts';
import { type AwsKeyPair, readKeyPair } from '../aws/key-pair.ts';
import { signAnew } from '../aws/sign-anew.ts';
import { readSigned, type SignedRequest } from '../aws/signed-request.ts';
import { authorityOf } from '../egress/names.ts';
import { EgressRefusal } from '../egress/refusal.ts';
import type { Lease } from './lease.ts';
import { type Pair, Scrubber } from './scrubber.ts';
import { type Headers, placesOf, type RequestHead, swap, type SwapPlace } from './swap.ts';

type CredentialRequest = Extract<EgressRequest, { action: 'credential.use' }>;

/** What a request is apart from what it carries. */
export interface Bearer extends Pick<CredentialRequest, 'scheme' | 'host' | 'port' | 'method' | 'path'> {
  readonly hasBody: boolean;
  readonly isWebSocket: boolean;
}

/** Of whom is asked whether a credential may go somewhere. */
export interface Permits {
  /** As it is asked about, where it is of a registry. */
  named(request: CredentialRequest): EgressRequest;
  /** Rejects where it may not. */
  permit(request: EgressRequest, signal: AbortSignal): Promise<void>;
}

/** What a request is to be lent. */
export interface Lending {
  /** To be allowed before it is. */
  readonly requests: readonly EgressRequest[];
  /** Puts it in: at once, where there is nothing. Errors: `EgressRefusal`, and those of `permit`. */
  provide(signal: AbortSignal): Provided | Promise<Provided>;
}

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

interface Wanted {
  readonly lease: Lease;
  readonly places: readonly SwapPlace[];
}

interface Signed {
  readonly lease: Lease;
  readonly signed: SignedRequest;
  readonly lent: AwsKeyPair;
}

interface Held {
  readonly lease: Lease;
  readonly grant: CredentialGrant;
}

/** A request, and what of all that is lent it asks for. */
interface Carried {
  readonly head: RequestHead;
  readonly bearer: Bearer;
  readonly wanted: readonly Wanted[];
  readonly signed: Signed | undefined;
  readonly inBody: readonly Held[];
}

/** The same with what is put in. */
interface Ready extends Pick<Carried, 'head' | 'bearer'> {
  readonly swaps: readonly (Pair & { readonly credential: string; readonly places: readonly SwapPlace[] })[];
  readonly signing?: (Signed & { readonly real: AwsKeyPair }) | undefined;
  readonly swapping?: Transform | undefined;
}

/** Headers by which an answer would come in a form, or in parts, that cannot be looked through. */
const HIDING = new Set(['accept-encoding', 'range', 'if-range']);

/** What one session was lent. */
export class SessionCredentials implements AsyncDisposable {
  readonly #held: readonly Held[];
  readonly #permits: Permits;
  /** Hosts that were given a secret: what they say may have it in it. */
  readonly #knowing = new Set<string>();
  #scrubber: { readonly of: readonly (readonly Pair[])[]; readonly is: Scrubber } | undefined;

  constructor(leases: readonly Lease[], grants: readonly CredentialGrant[], permits: Permits) {
    this.#held = leases.flatMap((lease) => grants.filter(({ id }) => id === lease.credential).map((grant) => ({ lease, grant })));
    this.#permits = permits;
  }

  /** The placeholders, each in its variable. */
  get env(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#held.flatMap(({ lease, grant }) => [[grant.variable, lease.placeholder], ...(grant.keyIdVariable === undefined || lease.lentKeys === undefined ? [] : [[grant.keyIdVariable, lease.lentKeys.id]])]));
  }

  /** What of all this a request asks for. Errors: `EgressRefusal` where it may go to no such place. */
  lend(head: RequestHead, bearer: Bearer): Lending {
    const wanted = this.#held.flatMap(({ lease }): Wanted[] => {
      const places = placesOf(head, lease.placeholder);
      return places.length === 0 ? [] : [{ lease, places: allowed(lease, places, bearer) }];
    });
    const signed = this.#signed(head, bearer);
    const requests = wanted.flatMap(({ lease, places }) => places.map((place) => this.#request(lease.credential, place, bearer)));
    if (signed !== undefined) requests.push(this.#request(signed.lease.credential, signed.signed.place, bearer));
    const inBody = bearer.hasBody ? this.#held.filter(({ grant, lease }) => grant.inBody && lease.lentKeys === undefined) : [];
    const isLent = requests.length > 0 || inBody.length > 0;
    return { requests, provide: (signal) => (isLent ? this.#provide({ head, bearer, wanted, signed, inBody }, signal) : this.#provided({ head, bearer, swaps: [] })) };
  }

  async #provide({ head, bearer, wanted, signed, inBody }: Carried, signal: AbortSignal): Promise<Provided> {
    const swaps = [];
    for (const { lease, places } of wanted) swaps.push({ credential: lease.credential, places, placeholder: lease.placeholder, secret: await valueOf(lease) });
    const signing = signed === undefined ? undefined : { ...signed, real: await keysOf(signed.lease) };
    if (swaps.length > 0 || signing?.real.token !== undefined) this.#knowing.add(bearer.host);
    const swapping = inBody.length === 0 ? undefined : await this.#intoBody(inBody, bearer, signal);
    return this.#provided({ head, bearer, swaps, signing, swapping });
  }

  #provided({ head, bearer, swaps, signing, swapping }: Ready): Provided {
    const { path, headers } = swap(head, swaps);
    const readable = swapping !== undefined || this.#knowing.has(bearer.host) ? plainly(headers) : headers;
    const left = signing === undefined ? { head: { path, headers: readable }, body: undefined } : signAnew({ ...signing, head: { path, headers: readable }, host: authorityOf(bearer.scheme, bearer) });
    const scrubber = (): Scrubber | undefined => (this.#knowing.has(bearer.host) ? this.#scrubberNow() : undefined);
    const credentials = [...swaps.map(({ credential }) => credential), ...(signing === undefined ? [] : [signing.lease.credential])];
    return { ...left.head, body: [swapping, left.body].filter((one) => one !== undefined), changesLength: swapping !== undefined, credentials, scrubber };
  }

  /** Where a request is signed with keys that were lent. */
  #signed(head: RequestHead, bearer: Bearer): Signed | undefined {
    for (const { lease, grant } of this.#held) {
      const { lentKeys: lent } = lease;
      const signed = lent === undefined || grant.keyIdVariable === undefined ? undefined : readSigned(head, bearer.method, lent.id, bearer.hasBody);
      if (lent !== undefined && signed !== undefined) return { lease, signed, lent };
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

  /** Only for credentials that some place binds to bodies: no other body is looked at. */
  async #intoBody(held: readonly Held[], bearer: Bearer, signal: AbortSignal): Promise<Transform> {
    const pairs = await Promise.all(held.map(async ({ lease }) => ({ secret: lease.placeholder, placeholder: await valueOf(lease) })));
    return new Scrubber(pairs).stream(async ({ secret: placeholder }) => {
      const found = held.find(({ lease }) => lease.placeholder === placeholder);
      if (found !== undefined) await this.#permits.permit(this.#request(found.lease.credential, 'body', bearer), signal);
      this.#knowing.add(bearer.host);
    });
  }

  #request(credential: string, place: SwapPlace, { scheme, host, port, method, path }: Bearer): EgressRequest {
    return this.#permits.named({ action: 'credential.use', credential, place, scheme, host, port, method, path });
  }
}

/** Errors: `EgressRefusal` where it may go to none of these. */
function allowed({ credential, lentKeys }: Lease, places: ReturnType<typeof placesOf>, { isWebSocket }: Bearer): readonly SwapPlace[] {
  if (isWebSocket) throw new EgressRefusal('credential_misplaced', `${credential} goes with no WebSocket: what comes back could not be looked through`);
  if (lentKeys !== undefined) throw new EgressRefusal('credential_misplaced', `${credential} is a pair of keys: requests are signed with it, and it goes nowhere itself`);
  const left = places.filter((place) => place !== 'path');
  if (left.length < places.length) throw new EgressRefusal('credential_misplaced', `${credential} goes into no path: servers write paths down`);
  return left;
}

async function keysOf(lease: Lease): Promise<AwsKeyPair> {
  const real = readKeyPair(await valueOf(lease));
  if (real === undefined) throw new EgressRefusal('credential_unavailable', `${lease.credential} is no pair of keys any more`);
  return real;
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
