import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Credentials, CredentialSources, EgressBroker, type KnownSecrets, LentRecords, type MasterKeys, OperatorFiles, OperatorRegistries, RegistryCaches, SecretStore, systemResolver } from '../broker/index.ts';
import { type Clock, GloveboxError, type Journal, type KeptEnvelopes, type Ownership, type SecretSource } from '../contracts/index.ts';
import { MasterKeyChange, RecordedSecrets } from '../session/index.ts';
import type { Environment } from './state-folder.ts';

/** The way out, and what is lent on it. */
export function openBroker({ env, stateDir, ownership, clock, known, journal, masterKeys, keptKeys, open }: { env: Environment; stateDir: string; ownership: Ownership; clock: Clock; known: KnownSecrets; journal: Journal; masterKeys: MasterKeys; keptKeys: KeptEnvelopes; open: AsyncDisposableStack }) {
  const now = (): number => clock.now();
  const secrets = new SecretStore({ folder: resolve(env['GLOVEBOX_SECRETS'] ?? join(stateDir, 'secrets')), masterKeys, now });
  const records = new LentRecords({ folder: join(stateDir, 'lent'), masterKeys });
  const credentials = new Credentials({
    sources: new CredentialSources({ file: join(stateDir, 'credentials.yaml'), store: secrets, env, now }),
    records,
    ownership,
    known,
    now,
  });
  // What a process that died had been lent is revoked, while others do what they came for.
  const stop = new AbortController();
  const sweeping = credentials.sweep(stop.signal).catch(() => {});
  open.defer(async () => {
    stop.abort();
    await sweeping;
  });
  const registries = new OperatorRegistries({ files: new OperatorFiles({ env, home: env['HOME'] ?? homedir() }), file: join(stateDir, 'registries.yaml') });
  const caches = new RegistryCaches(join(stateDir, 'registry-cache'));
  const broker = new EgressBroker({ clock, credentials, known, registries, resolve: systemResolver(join(stateDir, 'hosts')), caches });
  const secretAt = async (source: SecretSource): Promise<string> => {
    const value = await readSecret(source, env, secrets);
    known.add('notifications', value);
    return value;
  };
  return { broker, caches, secretAt, secrets: new RecordedSecrets({ secrets, journal }), masterKey: new MasterKeyChange({ keys: masterKeys, kept: [secrets, records, keptKeys], journal }), credentials, registries };
}

/** Errors: `config_invalid`, and those of the store. */
async function readSecret(source: SecretSource, env: Environment, store: SecretStore): Promise<string> {
  if ('secret' in source) return store.get(source.secret);
  const value = 'env' in source ? env[source.env]?.trim() : (await readFile(source.file, 'utf8').catch(() => undefined))?.trim();
  if (value !== undefined && value !== '') return value;
  throw new GloveboxError('config_invalid', `notifications.yaml names a secret that is not there: ${'env' in source ? `the variable ${source.env}` : source.file}`);
}
