import { setTimeout as pause } from 'node:timers/promises';
import { GloveboxError, type Journal, type KeptEnvelope, type KeptEnvelopes, type KeysInHand, type MasterKeyRing, type PlacedKey, type Principal } from '../../contracts/index.ts';

const STREAM = 'administration';
/** Whoever made an envelope as the key changed has put it in its place by then. */
const SETTLE_MS = 2_500;
/** Somebody goes on sealing under another key. */
const MOST_ROUNDS = 10;

interface MasterKeyChangeOptions {
  readonly keys: MasterKeyRing;
  /** All that is under the master key. */
  readonly kept: readonly KeptEnvelopes[];
  readonly journal: Journal;
  readonly settleMs?: number;
}

export interface MasterKeyChanged {
  readonly to: PlacedKey;
  /** Nothing is under them any more. */
  readonly from: readonly PlacedKey[];
  /** How many envelopes were put under it, by what is in them; what an earlier attempt had done is not among them. */
  readonly rewrapped: Readonly<Record<string, number>>;
}

/**
 * Puts all that is kept under another master key. Each envelope says which one it is under, and whoever has both opens all of them meanwhile; so it can be cut off anywhere, and done again
 * goes on where it was. Before anything is changed, all of it is seen to open.
 */
export class MasterKeyChange {
  readonly #options: MasterKeyChangeOptions;

  constructor(options: MasterKeyChangeOptions) {
    this.#options = options;
  }

  /** Errors: `usage` without another key, `secret_unreadable` where something does not open and nothing was changed, `deadline`, `journal_failed`. */
  async change({ name: by, tenant }: Principal, signal: AbortSignal): Promise<MasterKeyChanged> {
    const { keys, journal } = this.#options;
    await this.#check(signal);
    const { sealing: to, others } = await this.#keys(await keys.inHand());
    const from = others.map(({ id }) => id);
    await journal.append(STREAM, [{ type: 'master_key.change_begun', data: { to: to.id, from, by, tenant } }], { durable: true });
    const rewrapped = await this.#rewrapAll(signal);
    const envelopes = Object.values(rewrapped).reduce((sum, count) => sum + count, 0);
    await journal.append(STREAM, [{ type: 'master_key.changed', data: { to: to.id, from, envelopes, by, tenant } }], { durable: true });
    return { to, from: others, rewrapped };
  }

  /** With the one that is new: made where that is ours to do, and nobody has. */
  async #keys(inHand: KeysInHand): Promise<KeysInHand> {
    if (inHand.others.length > 0) return inHand;
    if (!inHand.isOwn) {
      throw new GloveboxError('usage', `there is one master key, that of ${inHand.sealing.where}: give the new one in its place, and this one by GLOVEBOX_PREVIOUS_MASTER_KEY, GLOVEBOX_PREVIOUS_MASTER_KEY_FILE or GLOVEBOX_PREVIOUS_MASTER_KEY_COMMAND`);
    }
    await this.#options.keys.renew(inHand.sealing);
    return this.#options.keys.inHand();
  }

  async #check(signal: AbortSignal): Promise<void> {
    let failed = 0;
    let first: unknown;
    await this.#each(signal, async (envelope) => {
      try {
        await envelope.check();
      } catch (error) {
        if (!(error instanceof GloveboxError) || error.code !== 'secret_unreadable') throw error;
        first ??= error;
        failed++;
      }
    });
    if (failed === 0) return;
    const why = first instanceof Error ? first.message : '';
    throw new GloveboxError('secret_unreadable', `the master key stays as it was, and nothing was changed: ${failed === 1 ? '' : `${failed} envelopes do not open, among them: `}${why}`, { cause: first });
  }

  /** Until there is nothing left to do, a while after the last that there was. */
  async #rewrapAll(signal: AbortSignal): Promise<Record<string, number>> {
    const { kept, settleMs = SETTLE_MS } = this.#options;
    const rewrapped = Object.fromEntries(kept.map(({ what }) => [what, 0]));
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      let done = 0;
      await this.#each(signal, async (envelope, what) => {
        if (!(await envelope.rewrap())) return;
        rewrapped[what] = (rewrapped[what] ?? 0) + 1;
        done++;
      });
      // The first looks before the last that was under way is there.
      if (done === 0 && round > 1) return rewrapped;
      await pause(settleMs, undefined, { signal });
    }
    throw new GloveboxError('deadline', 'a process goes on sealing under another master key: start it again with the new one, and with the one before as the previous one, and do this again');
  }

  async #each(signal: AbortSignal, work: (envelope: KeptEnvelope, what: string) => Promise<void>): Promise<void> {
    for (const place of this.#options.kept) {
      for await (const envelope of place.envelopes()) {
        signal.throwIfAborted();
        await work(envelope, place.what);
      }
    }
  }
}
