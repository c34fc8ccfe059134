import { Transform } from 'node:stream';
import { formsOf, type SecretForm } from './secret-forms.ts';

/** A secret and what stands for it outside. */
export interface Pair {
  readonly secret: string;
  readonly placeholder: string;
}

const NOTHING: Buffer = Buffer.alloc(0);

interface Sought extends SecretForm {
  readonly pair: Pair;
}

interface Scrubbed {
  readonly pieces: Buffer[];
  readonly rest: Buffer;
  readonly found: ReadonlySet<Pair>;
}

/** Puts the placeholders of secrets back wherever the secrets come up. */
export class Scrubber {
  readonly #forms: readonly Sought[];
  /** The longest that may have begun in what was seen and end in what was not. */
  readonly #longest: number;

  constructor(pairs: readonly Pair[]) {
    const forms = pairs.flatMap((pair) => formsOf(pair.secret, pair.placeholder).map((form) => ({ ...form, pair })));
    this.#forms = forms.toSorted((a, b) => b.sought.length - a.sought.length);
    this.#longest = this.#forms[0]?.sought.length ?? 0;
  }

  bytes(bytes: Buffer): Buffer {
    return Buffer.concat(this.#scrub(bytes, bytes.length).pieces);
  }

  /** The same for what comes in chunks, wherever they are cut. `onFound` hears of each pair once, before anything of what was found in its place goes on; what it throws ends the stream. */
  stream(onFound: (pair: Pair) => void | Promise<void> = () => {}): Transform {
    const keep = Math.max(0, this.#longest - 1);
    const told = new Set<Pair>();
    let held = NOTHING;
    const take = async (stream: Transform, bytes: Buffer, safe: number): Promise<void> => {
      const { pieces, rest, found } = this.#scrub(bytes, safe);
      held = rest;
      for (const pair of found) {
        if (told.has(pair)) continue;
        told.add(pair);
        await onFound(pair);
      }
      for (const piece of pieces) stream.push(piece);
    };
    return new Transform({
      transform(chunk: Buffer, _encoding, taken) {
        const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        take(this, bytes, Math.max(0, bytes.length - keep)).then(() => taken(), taken);
      },
      flush(taken) {
        take(this, held, held.length).then(() => taken(), taken);
      },
    });
  }

  /** Whatever begins before `safe` is settled; the rest has to be seen together with what comes. */
  #scrub(bytes: Buffer, safe: number): Scrubbed {
    const pieces: Buffer[] = [];
    const found = new Set<Pair>();
    const next = this.#forms.map(({ sought }) => bytes.indexOf(sought));
    let at = 0;
    for (;;) {
      const first = this.#first(bytes, next, at);
      if (first === undefined || first.at >= safe) break;
      found.add(first.form.pair);
      pieces.push(bytes.subarray(at, first.at), first.form.instead);
      at = first.at + first.form.sought.length;
    }
    const end = Math.max(at, safe);
    pieces.push(bytes.subarray(at, end));
    return { pieces: pieces.filter((piece) => piece.length > 0), rest: bytes.subarray(end), found };
  }

  /** The form that comes up first from `from` on; of two at one place the longer. */
  #first(bytes: Buffer, next: number[], from: number): { readonly at: number; readonly form: Sought } | undefined {
    let best: { at: number; form: Sought } | undefined;
    for (const [i, form] of this.#forms.entries()) {
      let at = next[i] ?? -1;
      if (at !== -1 && at < from) {
        at = bytes.indexOf(form.sought, from);
        next[i] = at;
      }
      if (at !== -1 && (best === undefined || at < best.at)) best = { at, form };
    }
    return best;
  }
}
