/** Seals what is small under the operator's master key. Errors of both: `config_invalid` where that cannot be had. */
export interface Envelopes {
  /** Text that opens only together with `about`, which says what it belongs to. */
  seal(about: string, bytes: Buffer): Promise<string>;
  /** Errors: `secret_unreadable` for another master key, or where a byte was changed. */
  open(about: string, envelope: string): Promise<Buffer>;
}
