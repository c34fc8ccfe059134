import { z } from 'zod';
import { readSettings } from '../../contracts/index.ts';
import { secretName, type SecretStore } from '../secrets/secret-store.ts';
import { GitHubAppProvider } from './github-app.ts';
import type { CredentialProvider } from './provider.ts';
import { environmentSecret, fileSecret, storedSecret } from './static-providers.ts';
import { TokenExchangeProvider } from './token-exchange.ts';
import { VaultProvider } from './vault.ts';

/** A secret in the clear belongs on no network but this machine's own. */
const endpoint = z.url().transform((text) => new URL(text)).refine(({ protocol, hostname }) => protocol === 'https:' || (protocol === 'http:' && /^(127\.|\[::1\]$|localhost$)/.test(hostname)), 'https, or http on this machine');
const absolutePath = z.string().startsWith('/', 'an absolute path');

const source = z.discriminatedUnion('provider', [
  z.strictObject({ provider: z.literal('store'), secret: secretName.optional() }),
  z.strictObject({ provider: z.literal('environment'), variable: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable') }),
  z.strictObject({ provider: z.literal('file'), path: absolutePath }),
  z.strictObject({
    provider: z.literal('vault'),
    address: endpoint,
    token: secretName.optional(),
    token_file: absolutePath.optional(),
    path: z.string().regex(/^[\w./-]+$/).refine((path) => !path.split('/').some((part) => part === '' || part === '.' || part === '..'), 'a path below v1/'),
    field: z.string().min(1),
    namespace: z.string().optional(),
  }).refine(({ token, token_file: file }) => (token === undefined) !== (file === undefined), 'one of token (a secret of the store) and token_file'),
  z.strictObject({
    provider: z.literal('github-app'),
    api: endpoint.default(new URL('https://api.github.com')),
    app: z.coerce.string().regex(/^[\w.]+$/, "the app's id or client id"),
    installation: z.int().positive(),
    key: secretName.describe('a secret of the store: the PEM that GitHub gave'),
    repositories: z.array(z.string().regex(/^[\w.-]+$/, 'the name of a repository, without its owner')).min(1),
    permissions: z.record(z.string().regex(/^[a-z_]+$/), z.enum(['read', 'write'])).refine((permissions) => Object.keys(permissions).length > 0, 'at least one permission'),
  }),
  z.strictObject({
    provider: z.literal('token-exchange'),
    endpoint,
    subject_file: absolutePath,
    subject_type: z.string().default('urn:ietf:params:oauth:token-type:jwt'),
    audience: z.string().optional(),
    scope: z.string().optional(),
  }),
]);
type Source = z.output<typeof source>;

const document = z.record(secretName, source);

/** Where the operator says that credentials come from: a YAML file of `<id>: { provider: … }`. An id that is not in it is a secret of the store of the same name. */
export class CredentialSources {
  readonly #file: string;
  readonly #store: SecretStore;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #now: () => number;

  constructor({ file, store, env, now }: { readonly file: string; readonly store: SecretStore; readonly env: Readonly<Record<string, string | undefined>>; readonly now: () => number }) {
    this.#file = file;
    this.#store = store;
    this.#env = env;
    this.#now = now;
  }

  /** Errors: `config_invalid`. */
  async provider(id: string): Promise<CredentialProvider> {
    const sources = (await readSettings(this.#file, document)) ?? {};
    return this.#make(id, (Object.hasOwn(sources, id) ? sources[id] : undefined) ?? { provider: 'store' });
  }

  #make(id: string, from: Source): CredentialProvider {
    const now = this.#now;
    switch (from.provider) {
      case 'store':
        return storedSecret(this.#store, from.secret ?? id, now);
      case 'environment':
        return environmentSecret(this.#env, from.variable, now);
      case 'file':
        return fileSecret(from.path, now);
      case 'vault': {
        const { address, path, field, namespace } = from;
        return new VaultProvider({ address, path, field, namespace, now, token: this.#textOf(from.token, from.token_file) });
      }
      case 'github-app': {
        const { api, app, installation, repositories, permissions } = from;
        return new GitHubAppProvider({ api, app, installation, repositories, permissions, now, key: this.#textOf(from.key, undefined) });
      }
      case 'token-exchange': {
        const { endpoint: at, subject_type: subjectType, audience, scope } = from;
        return new TokenExchangeProvider({ endpoint: at, subjectType, audience, scope, now, subject: this.#textOf(undefined, from.subject_file) });
      }
    }
  }

  /** Read at each use: whoever renews it need not tell us. */
  #textOf(secret: string | undefined, file: string | undefined): () => Promise<string> {
    const provider = secret === undefined ? fileSecret(file ?? '', this.#now) : storedSecret(this.#store, secret, this.#now);
    return async () => (await provider.lend(new AbortController().signal)).value;
  }
}
