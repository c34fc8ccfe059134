/**
 * Takes secrets out of what is written down, shown, or sent to a model: `[secret:<what>]` stands in their place. A text that went through comes out of a second time as it
 * is, so what was masked reads the same wherever it is read again. Values are plain JSON; where nothing is found they come back as they are, not copied. Neither call throws.
 */
export interface Redactor {
  /** Without what is known to be a secret, in every form that it is looked for. At once, for what cannot wait. */
  known<T>(value: T): T;
  /** And without what looks like a credential. A promise only where something has to be looked at closely. */
  all<T>(value: T): T | Promise<T>;
}

/** A changed file: its text before (empty where there was none) and after. */
export interface ChangedText {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

export interface CredentialSearch {
  /** What looks like a credential and was not there before: `<path>:<line> <what>`. What could not be looked through in time counts as found, and says so. Errors: the signal's own. */
  newIn(files: readonly ChangedText[], options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined }): Promise<readonly string[]>;
}
