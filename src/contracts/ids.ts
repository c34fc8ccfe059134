import { createHash, randomBytes } from 'node:crypto';

/** What an id names; its prefix says so to whoever reads a log. */
export type IdKind = 'ses' | 'sbx' | 'cmd' | 'jsc' | 'ctx' | 'cal' | 'run' | 'apr' | 'eff';

/** `<kind>_` and 26 characters of Crockford base32: 48 bits of time in ms, 80 of randomness. Sorts by time of making. */
export type Id<K extends IdKind> = string & { readonly __kind: K };
export type SessionId = Id<'ses'>;
export type SandboxId = Id<'sbx'>;
export type CommandId = Id<'cmd'>;
/** A call of JavaScript in an isolate. */
export type JavaScriptId = Id<'jsc'>;
export type ContextId = Id<'ctx'>;
export type CallId = Id<'cal'>;
export type RunId = Id<'run'>;
export type ApprovalId = Id<'apr'>;
/** An effect outside of every sandbox. */
export type EffectId = Id<'eff'>;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Makes ids; injected, so that replay and tests own them. */
export interface IdSource {
  next<K extends IdKind>(kind: K): Id<K>;
}

/** Ids from a clock and a source of randomness. */
export function randomIds(clock: Clock, random: (bytes: number) => Uint8Array = randomBytes): IdSource {
  return {
    next<K extends IdKind>(kind: K): Id<K> {
      // A brand is a promise of form: this is the one place that makes it.
      return `${kind}_${encode(clock.now(), random(10))}` as Id<K>;
    },
  };
}

/** An id that is the same whenever it is made of the same: what is done again after a crash is known again. It tells no time. */
export function derivedId<K extends IdKind>(kind: K, ...of: readonly string[]): Id<K> {
  const digest = createHash('sha256').update(JSON.stringify([kind, ...of])).digest();
  // As above.
  return `${kind}_${encode(digest.readUIntBE(0, 6), digest.subarray(6, 16))}` as Id<K>;
}

/** Reads an id that came from outside; undefined where it is not one of that kind. */
export function parseId<K extends IdKind>(kind: K, text: string): Id<K> | undefined {
  const pattern = new RegExp(`^${kind}_[${ALPHABET}]{26}$`);
  return pattern.test(text) ? (text as Id<K>) : undefined;
}

/** When an id was made, in milliseconds since 1970. */
export function madeAtMs(id: Id<IdKind>): number {
  const from = id.indexOf('_') + 1;
  let time = 0;
  for (const character of id.slice(from, from + 10)) time = time * 32 + ALPHABET.indexOf(character);
  return time;
}

/** Wall time in milliseconds since 1970; injected. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** What the wall clock said when this process began, and what has passed since: for how long ago something was, which nobody may change by setting a clock. */
export const steadyClock: Clock = { now: () => performance.timeOrigin + performance.now() };

/** In UTC: `2026-11`. Keys, budgets and retention go by it, and so does what may stand on what. */
export function monthOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, -17);
}

function encode(timeMs: number, random: Uint8Array): string {
  let text = '';
  for (let rest = timeMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  let bits = 0;
  let held = 0;
  for (const byte of random) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
    held &= 0xff;
  }
  return text;
}
