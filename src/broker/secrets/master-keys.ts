import { GloveboxError, type KeysInHand, type MasterKeyRing, type PlacedKey } from '../../contracts/index.ts';
import { type Envelope, type MasterKey, open, rewrap, seal } from './envelope.ts';
import { GivenKey } from './given-key.ts';
import { OwnKeys } from './own-keys.ts';

const VARIABLE = 'GLOVEBOX_MASTER_KEY';
const PREVIOUS_VARIABLE = 'GLOVEBOX_PREVIOUS_MASTER_KEY';
/** Commands are asked for a key that is not known at most so often. */
const ASK_AGAIN_MS = 2_000;

interface Placed extends MasterKey {
  /** The name of its variable, or its file. */
  readonly where: string;
}

interface Found {
  readonly sealing: Placed;
  /** They open, and seal nothing. */
  readonly others: readonly Placed[];
}

/**
 * The master key, which is what the operator gives, else a file of the state folder; and while it is being changed the one before. A file is read again for each envelope that is made, and
 * all of them when an envelope names a key that is not known: so a process that runs for long goes along with a change.
 */
export class MasterKeys implements MasterKeyRing {
  readonly #given: GivenKey;
  readonly #previous: GivenKey;
  readonly #own: OwnKeys;
  /** All that were ever seen, by id. */
  readonly #known = new Map<string, MasterKey>();
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor({ env, stateDir }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stateDir: string }) {
    this.#given = new GivenKey(env, VARIABLE);
    this.#previous = new GivenKey(env, PREVIOUS_VARIABLE, { mayBeEmpty: true });
    this.#own = new OwnKeys(stateDir);
  }

  /** Errors: `config_invalid`. */
  async seal(about: string, bytes: Buffer): Promise<Envelope> {
    return seal(await this.#sealing(), about, bytes);
  }

  /** Errors: `config_invalid`; `secret_unreadable` where its key is none of these, or a byte was changed. `remedy` is what else can be done about that. */
  async open(about: string, envelope: Envelope, remedy = 'or set it again'): Promise<Buffer> {
    return open(await this.#named(about, envelope.masterKey, remedy), about, envelope, remedy);
  }

  /** Under the key that seals; undefined where it is. Errors: as `open`. */
  async rewrap(about: string, envelope: Envelope): Promise<Envelope | undefined> {
    const to = await this.#sealing();
    if (envelope.masterKey === to.id) return undefined;
    const from = await this.#named(about, envelope.masterKey, 'or put back what was there');
    open(from, about, envelope, 'or put back what was there').fill(0);
    return rewrap(from, to, about, envelope);
  }

  async inHand(): Promise<KeysInHand> {
    const { sealing, others } = await this.#find(true);
    return { sealing: placeOf(sealing), others: others.map(placeOf), isOwn: this.#given.where === undefined };
  }

  async renew({ where }: PlacedKey): Promise<void> {
    await this.#own.makeAfter(where);
  }

  async #sealing(): Promise<MasterKey> {
    return this.#keep((await this.#given.read()) ?? (await this.#own.read())[0].key);
  }

  async #named(about: string, id: string, remedy: string): Promise<MasterKey> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const { sealing, others } = await this.#look();
    const found = this.#known.get(id);
    if (found !== undefined) return found;
    const had = [sealing, ...others].map((key) => key.id);
    throw new GloveboxError('secret_unreadable', `${about} was sealed under master key ${id}, and ${had.length === 1 ? 'this is' : 'these are'} ${had.join(' and ')}: give the one it was sealed under, ${remedy}`);
  }

  /** Files are read again, and commands asked again where that was not just done. */
  #look(): Promise<Found> {
    const anew = performance.now() - this.#askedMs > ASK_AGAIN_MS;
    if (anew) this.#askedMs = performance.now();
    return this.#find(anew);
  }

  async #find(anew: boolean): Promise<Found> {
    const [given, previous] = await Promise.all([this.#given, this.#previous].map((one) => this.#placed(one, anew)));
    const own = given === undefined ? (await this.#own.read()).map(({ file, key }): Placed => ({ ...this.#keep(key), where: file })) : [];
    const [sealing, ...others] = [given, ...own, previous].filter((key) => key !== undefined);
    if (sealing === undefined) throw new GloveboxError('internal', 'no master key was made');
    if (previous?.id === sealing.id) throw new GloveboxError('config_invalid', `${sealing.where} and ${previous.where} have the same master key, ${sealing.id}: the first is to be the new one, the second the one before`);
    return { sealing, others };
  }

  async #placed(given: GivenKey, anew: boolean): Promise<Placed | undefined> {
    const key = await given.read(anew);
    return key === undefined ? undefined : { ...this.#keep(key), where: given.where ?? '' };
  }

  #keep(key: MasterKey): MasterKey {
    this.#known.set(key.id, key);
    return key;
  }
}

function placeOf({ id, where }: Placed): KeysInHand['sealing'] {
  return { id, where };
}
