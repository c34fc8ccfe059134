import { z } from 'zod';
import { GloveboxError } from '../contracts/index.ts';
import type { ByteReader } from './byte-reader.ts';

const SHA256 = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** The line before a pack: with `after`, the blobs of the packs that it needs, first to last, it has all files of the tree. */
const packHeader = z.strictObject({
  glovebox: z.literal('tree 1'),
  tree: z.string().regex(/^[0-9a-f]{40}$/),
  after: z.array(SHA256).readonly(),
});

export type PackHeader = z.output<typeof packHeader>;

const MOST_BYTES = 2 ** 16;

export function packHeaderLine(header: Omit<PackHeader, 'glovebox'>): Buffer {
  return Buffer.from(`${JSON.stringify({ glovebox: 'tree 1', ...header } satisfies PackHeader)}\n`);
}

/** Takes it off what is read. Errors: `journal_tampered` where there is none. */
export async function readPackHeader(reader: ByteReader): Promise<PackHeader> {
  const line = await reader.line(MOST_BYTES);
  const read = packHeader.safeParse(line === undefined ? undefined : parsed(line));
  if (read.success) return read.data;
  throw new GloveboxError('journal_tampered', 'it is no pack of a tree that this version of glovebox can read');
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
