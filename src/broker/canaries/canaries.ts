import { randomInt } from 'node:crypto';
import { join } from 'node:path/posix';
import { Transform } from 'node:stream';
import { type CanaryGrant, HOME } from '../../contracts/index.ts';
import { formsOf } from '../credentials/secret-forms.ts';
import { FormIndex } from '../redaction/form-index.ts';
import { CanarySight } from './canary-sight.ts';

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const BASE32 = `${UPPER}234567`;
const BASE62 = `${UPPER}${UPPER.toLowerCase()}0123456789`;

/** A credential that is none: whoever shows it has read what he had no business with. */
interface Canary {
  /** Where it was planted: `env RELEASE_GITHUB_TOKEN`, `file ~/.netrc`. */
  readonly name: string;
  readonly value: string;
}

/**
 * The canaries of one session, random in each and never valid. They are shaped like the real thing and have names that no tool looks for by itself: what comes up was taken
 * deliberately. Looked for in every form in which a secret is, and in lower case, as a host name would have it.
 */
export class Canaries {
  readonly env: Readonly<Record<string, string>>;
  /** By absolute path. */
  readonly files: Readonly<Record<string, Buffer>>;
  readonly #planted: readonly Canary[];
  readonly #index = new FormIndex<string>();

  constructor({ env, files }: Pick<CanaryGrant, 'env' | 'files'>) {
    this.env = env ? { RELEASE_GITHUB_TOKEN: `ghp_${random(BASE62, 36)}`, BACKUP_AWS_ACCESS_KEY_ID: `AKIA${random(BASE32, 16)}`, BACKUP_AWS_SECRET_ACCESS_KEY: random(`${BASE62}/+`, 40) } : {};
    const profile = { id: `AKIA${random(BASE32, 16)}`, secret: random(`${BASE62}/+`, 40), password: random(BASE62, 32) };
    this.files = files
      ? {
          [join(HOME, '.aws/credentials')]: Buffer.from(`[production]\naws_access_key_id = ${profile.id}\naws_secret_access_key = ${profile.secret}\n`),
          [join(HOME, '.netrc')]: Buffer.from(`machine artifacts.internal login deploy password ${profile.password}\n`),
        }
      : {};
    const inFiles = [
      { name: 'file ~/.aws/credentials', value: profile.id },
      { name: 'file ~/.aws/credentials', value: profile.secret },
      { name: 'file ~/.netrc', value: profile.password },
    ];
    this.#planted = [...Object.entries(this.env).map(([name, value]) => ({ name: `env ${name}`, value })), ...(files ? inFiles : [])];
    for (const { name, value } of this.#planted) for (const text of [value.toLowerCase(), ...formsOf(value, '').map(({ sought }) => sought.toString())]) this.#index.add({ text, of: name });
  }

  get areThere(): boolean {
    return this.#planted.length > 0;
  }

  /** The names of those that a text has in it. */
  in(text: string): readonly string[] {
    const names = new Set<string>();
    for (let found = this.#index.next(text); found !== undefined; found = this.#index.next(text, found.at + found.sought.text.length)) names.add(found.sought.of);
    return [...names];
  }

  /** Of one stream. */
  sight(): CanarySight {
    return new CanarySight(this.#index);
  }

  /** Passes bytes on until one of them comes up, wherever it is cut: `found` says what ends the stream then. */
  guard(found: (name: string) => Error): Transform {
    const sight = this.sight();
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const { canary, passed } = sight.see(chunk.toString('latin1'));
        if (canary === undefined) done(null, Buffer.from(passed, 'latin1'));
        else done(found(canary));
      },
      flush(done) {
        done(null, Buffer.from(sight.rest, 'latin1'));
      },
    });
  }

  /** Tells of each once that comes up in bytes, wherever they are cut. */
  watch(found: (name: string) => void): (bytes: Buffer) => void {
    const told = new Set<string>();
    const longest = this.#index.longest;
    let before = '';
    return (bytes) => {
      const text = before + bytes.toString('latin1');
      for (const name of this.in(text)) {
        if (told.has(name)) continue;
        told.add(name);
        found(name);
      }
      before = text.slice(-(longest - 1));
    };
  }
}

function random(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
}
