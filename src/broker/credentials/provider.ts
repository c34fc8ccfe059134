/** A secret as it was lent. */
export interface Lent {
  readonly value: string;
  /** When it has to be asked for again; a provider that knows nothing better gives a short time, so that a new value is found. */
  readonly untilMs: number;
  /** What ends it before its time, as this provider's `revoke` takes it. Absent where nothing can: a static secret lives on elsewhere. */
  readonly handle?: string;
}

/** Where a credential comes from. A provider that cannot lend fails; it never gives something wider instead. */
export interface CredentialProvider {
  /** Errors: `credential_unavailable`, `cancelled`. */
  lend(signal: AbortSignal): Promise<Lent>;
  /** Lends the same for longer, where that is possible: undefined where a new one is to be lent instead. */
  renew?(lent: Lent, signal: AbortSignal): Promise<Lent | undefined>;
  /** Idempotent: what is over already is no error. Errors: `credential_unavailable`. */
  revoke(handle: string, signal: AbortSignal): Promise<void>;
}
