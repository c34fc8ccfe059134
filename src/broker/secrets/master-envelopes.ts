import type { Envelopes } from '../../contracts/index.ts';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import { type Envelope, envelopeShape, envelopeText, open, seal } from './envelope.ts';
import type { MasterKey } from './master-key.ts';

/** What others keep under the master key. */
export class MasterEnvelopes implements Envelopes {
  readonly #masterKey: MasterKey;

  constructor(masterKey: MasterKey) {
    this.#masterKey = masterKey;
  }

  async seal(about: string, bytes: Buffer): Promise<string> {
    return JSON.stringify(envelopeText(seal(await this.#masterKey.get(), about, bytes)));
  }

  async open(about: string, envelope: string): Promise<Buffer> {
    return open(await this.#masterKey.get(), about, read(about, envelope), 'or put back what was there');
  }
}

function read(about: string, envelope: string): Envelope {
  try {
    return envelopeShape.parse(JSON.parse(envelope));
  } catch (error) {
    throw new GloveboxError('secret_unreadable', `${about} cannot be read: ${describeError(error)}`, { cause: error });
  }
}
