import { formsOf } from '../credentials/secret-forms.ts';
import { FormIndex } from './form-index.ts';

/** Values that are remembered; of more the oldest are forgotten. Nobody rotates so many while a text about the first is still on its way. */
const VALUES_MOST = 1024;

/** What is shorter comes up by chance. */
const TELLING_CHARS = 8;

interface Known {
  readonly credential: string;
  readonly secret: string;
  readonly mask: string;
}

/**
 * Secrets of this process that must not be told, each in every form in which programs write them. A secret is remembered beyond the lease that it came with: what is said of a
 * session's end comes after it.
 */
export class KnownSecrets {
  readonly #known = new Map<string, Known>();
  readonly #escaped = new Set<Known>();
  readonly #texts = new FormIndex<Known>();
  /** The same as bytes are compared: a character for each. */
  readonly #bytes = new FormIndex<Known>();

  add(credential: string, secret: string): void {
    if (this.#known.has(secret)) return;
    const known = { credential, secret, mask: `[secret:${credential}]` };
    this.#known.set(secret, known);
    if (JSON.stringify(secret) !== `"${secret}"`) this.#escaped.add(known);
    for (const { sought } of formsOf(secret, '')) {
      this.#texts.add({ text: sought.toString(), of: known });
      this.#bytes.add({ text: sought.toString('latin1'), of: known });
    }
    const [oldest] = this.#known.values();
    if (this.#known.size > VALUES_MOST && oldest !== undefined) this.#forget(oldest);
  }

  /** Whether any may be in what a JSON text says. Some are written in another way there, and once more in JSON within JSON: with one of those nothing can be said of the whole. */
  mayBeInJson(json: string): boolean {
    return this.#escaped.size > 0 || this.#texts.next(json) !== undefined;
  }

  mask(text: string): string {
    let masked = '';
    let from = 0;
    for (let found = this.#texts.next(text); found !== undefined; found = this.#texts.next(text, from)) {
      masked += text.slice(from, found.at) + found.sought.of.mask;
      from = found.at + found.sought.text.length;
    }
    return from === 0 ? text : masked + text.slice(from);
  }

  /** For bytes that come in pieces, each of which keeps its length: what offsets count stays where it was. What may go on in the next piece is held until then. */
  byteMask(): ByteMask {
    const index = this.#bytes;
    let held = '';
    return (bytes, isLast) => {
      if (index.isEmpty) return bytes;
      const text = held + bytes.toString('latin1');
      let masked = '';
      let from = 0;
      for (let found = index.next(text); found !== undefined; found = index.next(text, from)) {
        const { length } = found.sought.text;
        masked += text.slice(from, found.at) + found.sought.of.mask.padEnd(length, '*').slice(0, length);
        from = found.at + length;
      }
      const until = isLast ? text.length : index.begun(text, from);
      held = text.slice(until);
      return Buffer.from(masked + text.slice(from, until), 'latin1');
    };
  }

  /** Looks through bytes that come in pieces: given each, the credential whose secret has come up. */
  sight(): (bytes: Uint8Array) => string | undefined {
    const index = this.#bytes;
    let before = '';
    return (bytes) => {
      if (index.isEmpty) return undefined;
      const text = before + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
      before = text.slice(Math.max(0, text.length - index.longest + 1));
      for (let found = index.next(text); found !== undefined; found = index.next(text, found.at + 1)) {
        if (found.sought.text.length >= TELLING_CHARS) return found.sought.of.credential;
      }
      return undefined;
    };
  }

  #forget(known: Known): void {
    this.#known.delete(known.secret);
    this.#escaped.delete(known);
    this.#texts.remove(known);
    this.#bytes.remove(known);
  }
}

type ByteMask = (bytes: Buffer, isLast: boolean) => Buffer;
