import type { JournalEvent } from '../../contracts/index.ts';
import { tampered } from '../event-chain.ts';
import type { PayloadKey, PayloadKeys } from './payload-keys.ts';
import { isSealed, openData, type SealedData } from './sealed-data.ts';

/** An event as it was appended. Where it was sealed, what is stored, and the salt by which that shows that it is the same; none of an `erased` one. */
export interface PayloadReading {
  readonly event: JournalEvent;
  readonly stored?: SealedData;
  readonly salt?: Buffer;
}

/** Opens what stores give. What is not sealed, because an older version wrote it, is read as it is. */
export class PayloadReader {
  readonly #keys: PayloadKeys;

  constructor(keys: PayloadKeys) {
    this.#keys = keys;
  }

  /** At once where the key is in hand. Errors: `journal_tampered`, `secret_unreadable`, `config_invalid`, `journal_failed`. */
  read(event: JournalEvent): PayloadReading | Promise<PayloadReading> {
    const data: unknown = event.data;
    if (!isSealed(data)) return { event };
    const key = this.#keys.opening(data.sealed.key);
    return key instanceof Promise ? key.then((found) => readWith(found, event, data)) : readWith(key, event, data);
  }
}

function readWith(key: PayloadKey | undefined, event: JournalEvent, stored: SealedData): PayloadReading {
  if (key === undefined) return { event: { ...event, type: 'erased', data: { was: event.type } }, stored };
  try {
    const { text, salt } = openData(key, event, stored);
    // As it was when a typed `append` sealed it.
    return { event: { ...event, data: JSON.parse(text) }, stored, salt };
  } catch {
    throw tampered(event.stream, event.seq, 'its payload does not open with its key');
  }
}
