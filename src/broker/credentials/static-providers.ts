import { readFile, stat } from 'node:fs/promises';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { SecretStore } from '../secrets/secret-store.ts';
import type { CredentialProvider, Lent } from './provider.ts';

/** A secret that was set anew is found after so long. */
const FRESH_MS = 30_000;
const VALUE_MOST_BYTES = 64 * 1024;

type Read = () => Promise<string>;

/** A secret that somebody else keeps: it cannot be revoked, only no longer be given out. */
class StaticProvider implements CredentialProvider {
  readonly #read: Read;
  readonly #now: () => number;

  constructor(read: Read, now: () => number) {
    this.#read = read;
    this.#now = now;
  }

  async lend(): Promise<Lent> {
    return { value: await this.#read(), untilMs: this.#now() + FRESH_MS };
  }

  async revoke(): Promise<void> {}
}

/** A secret of the local store. */
export function storedSecret(store: SecretStore, name: string, now: () => number): CredentialProvider {
  return new StaticProvider(() => unavailable(`secret ${name}`, store.get(name)), now);
}

/** A variable of the service's own environment. */
export function environmentSecret(env: Readonly<Record<string, string | undefined>>, variable: string, now: () => number): CredentialProvider {
  return new StaticProvider(async () => {
    const value = env[variable];
    if (value === undefined || value === '') throw new GloveboxError('credential_unavailable', `the variable ${variable} is not set`);
    return value;
  }, now);
}

/** A file that an operator or an orchestrator put there; a line end at its end is no part of it. */
export function fileSecret(path: string, now: () => number): CredentialProvider {
  return new StaticProvider(() => unavailable(path, readSecretFile(path)), now);
}

async function readSecretFile(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size === 0 || size > VALUE_MOST_BYTES) throw new Error(`it has ${size} bytes: expected 1 to ${VALUE_MOST_BYTES}`);
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
}

async function unavailable(what: string, reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (error) {
    throw new GloveboxError('credential_unavailable', `${what} cannot be lent: ${describeError(error)}`, { cause: error });
  }
}
