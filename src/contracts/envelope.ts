/** Seals what is small under the operator's master key. Errors of all: `config_invalid` where that cannot be had. */
export interface Envelopes {
  /** Text that opens only together with `about`, which says what it belongs to. */
  seal(about: string, bytes: Buffer): Promise<string>;
  /** Errors: `secret_unreadable` for another master key, or where a byte was changed. */
  open(about: string, envelope: string): Promise<Buffer>;
  /** The same under the master key that seals now; undefined where it is. Errors: as `open`. */
  rewrap(about: string, envelope: string): Promise<string | undefined>;
}

/** A master key by its id, which says nothing else of it, and where it is: a variable, a file. */
export interface PlacedKey {
  readonly id: string;
  readonly where: string;
}

export interface KeysInHand {
  /** What is sealed from now on is under it. */
  readonly sealing: PlacedKey;
  /** They open what is still under them. */
  readonly others: readonly PlacedKey[];
  /** Whether it is a file of the state folder, and not one that the operator gives. */
  readonly isOwn: boolean;
}

/** Which master keys there are. Errors of all: `config_invalid`. */
export interface MasterKeyRing {
  /** As they are now. */
  inHand(): Promise<KeysInHand>;
  /** Makes the one that comes after this file of the state folder, unless somebody has: it seals from now on. */
  renew(after: PlacedKey): Promise<void>;
}

/** A place where envelopes lie. */
export interface KeptEnvelopes {
  /** What is in them, for people: `secrets`. */
  readonly what: string;
  /** Errors: `secret_unreadable` for a record that is none. */
  envelopes(): AsyncIterable<KeptEnvelope>;
}

export interface KeptEnvelope {
  /** Errors: `secret_unreadable` where it does not open. */
  check(): Promise<void>;
  /** Puts it under the master key that seals now. False where it is, or is not there any more; what somebody else made of it meanwhile stays. */
  rewrap(): Promise<boolean>;
}
