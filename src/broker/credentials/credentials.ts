import { describeError, GloveboxError, type Ownership, type Stoppable } from '../../contracts/index.ts';
import type { CredentialSources } from './credential-sources.ts';
import type { KnownSecrets } from '../redaction/known-secrets.ts';
import { Lease } from './lease.ts';
import type { LentRecords } from './lent-records.ts';
import type { CredentialProvider } from './provider.ts';

const SWEEP_MS = 20_000;

export interface CredentialsOptions {
  readonly sources: CredentialSources;
  readonly records: LentRecords;
  /** Whose what is lent is, and what is left. */
  readonly ownership: Ownership;
  readonly known: KnownSecrets;
  readonly now: () => number;
}

/** Lends credentials to sessions, and takes back what dead processes left. */
export class Credentials {
  readonly #options: CredentialsOptions;

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /** All or none, to the session of `borrower`; `own` are those that no source need be asked for. Errors: `credential_unavailable`, `config_invalid`, `cancelled`. */
  async lend(ids: readonly string[], signal: AbortSignal, { own = new Map(), borrower }: { readonly own?: ReadonlyMap<string, CredentialProvider>; readonly borrower?: Stoppable | undefined } = {}): Promise<readonly Lease[]> {
    const { sources, records, ownership, known, now } = this.#options;
    const taking = await Promise.allSettled([...ids, ...own.keys()].map(async (credential) => Lease.take({ credential, provider: own.get(credential) ?? (await sources.provider(credential)), records, owner: ownership.name, known, now, borrower }, signal)));
    const leases = taking.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = taking.find((one) => one.status === 'rejected');
    if (failed === undefined) return leases;
    await Promise.all(leases.map((lease) => lease[Symbol.asyncDispose]()));
    throw failed.reason;
  }

  /** Revokes what dead processes had been lent, and living ones for whom `isOf` says so. Says what it revoked, and what it could not. */
  async sweep(signal: AbortSignal, isOf: (borrower: Stoppable | undefined) => boolean = () => false): Promise<{ readonly revoked: readonly string[]; readonly failed: readonly string[] }> {
    const { sources, records, ownership } = this.#options;
    const { records: found, unreadable } = await records.list();
    const revoked: string[] = [];
    const failed = unreadable.map((name) => `${name}: it cannot be read`);
    for (const { id, credential, owner, handle, borrower } of found) {
      if (!ownership.isDead(owner) && !isOf(borrower)) continue;
      try {
        const provider = await sources.provider(credential);
        await provider.revoke(handle, AbortSignal.any([signal, AbortSignal.timeout(SWEEP_MS)]));
        await records.remove(id);
        revoked.push(credential);
      } catch (error) {
        if (signal.aborted) throw new GloveboxError('cancelled', 'the sweep was cancelled', { cause: error });
        failed.push(`${credential}: ${describeError(error)}`);
      }
    }
    return { revoked, failed };
  }
}
