import { createCipheriv } from 'node:crypto';
import { At, HEADER_BYTES, MAC_BYTES } from './protocol.ts';

const NONCE_BYTES = 12;
const OPTIONS = { authTagLength: MAC_BYTES };
const NO_TEXT = { plaintextLength: 0 };

/**
 * The MAC of header and payload: the tag of ChaCha20-Poly1305 with all of it as additional data and nothing to encrypt. Epoch and sequence are the nonce, and no
 * two frames of a direction have both in common. `frame` begins with the header; `bulk` is what follows it.
 */
export function mac(key: Buffer, frame: Buffer, bulk: readonly Buffer[] = []): Buffer {
  const nonce = Buffer.allocUnsafe(NONCE_BYTES);
  frame.copy(nonce, 0, At.epoch, At.zero);
  frame.copy(nonce, At.zero - At.epoch, At.sequence, HEADER_BYTES);
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, OPTIONS).setAAD(frame, NO_TEXT);
  for (const piece of bulk) cipher.setAAD(piece, NO_TEXT);
  cipher.final();
  return cipher.getAuthTag();
}
