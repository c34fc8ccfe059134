import type { Envelopes } from '../../contracts/index.ts';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { type Envelope, envelopeShape, envelopeText } from './envelope.ts';
import type { MasterKeys } from './master-keys.ts';

/** What others keep under the master key. */
export class MasterEnvelopes implements Envelopes {
  readonly #masterKeys: MasterKeys;

  constructor(masterKeys: MasterKeys) {
    this.#masterKeys = masterKeys;
  }

  async seal(about: string, bytes: Buffer): Promise<string> {
    return text(await this.#masterKeys.seal(about, bytes));
  }

  async open(about: string, envelope: string): Promise<Buffer> {
    return this.#masterKeys.open(about, read(about, envelope), 'or put back what was there');
  }

  async rewrap(about: string, envelope: string): Promise<string | undefined> {
    const rewrapped = await this.#masterKeys.rewrap(about, read(about, envelope));
    return rewrapped === undefined ? undefined : text(rewrapped);
  }
}

function text(envelope: Envelope): string {
  return JSON.stringify(envelopeText(envelope));
}

function read(about: string, envelope: string): Envelope {
  try {
    return envelopeShape.parse(JSON.parse(envelope));
  } catch (error) {
    throw new GloveboxError('secret_unreadable', `${about} cannot be read: ${describeError(error)}`, { cause: error });
  }
}
