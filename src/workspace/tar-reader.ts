import { GloveboxError } from '../contracts/index.ts';
import { BytePortion } from './byte-portion.ts';
import { ByteReader } from './byte-reader.ts';
import { quoted } from './tree-path.ts';

const BLOCK = 512;
const MAX_EXTENSION_BYTES = 64 * 1024;
const MAX_TRAILER_BYTES = 2 ** 20;
const CHUNK_BYTES = 256 * 1024;

/** An entry of an archive. Its body is read before the next entry is asked for, or skipped. */
export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly executable: boolean;
  readonly sizeBytes: number;
  /** Of a symbolic link. */
  readonly target: string;
  readonly body: AsyncIterable<Buffer>;
}

/**
 * Reads a tar stream that may be hostile: ustar with the pax records that a long name needs, and nothing else. No global
 * records, no GNU extensions, no binary numbers, no links but symbolic ones; every length is bounded before it is believed.
 * Errors: `archive_hostile`.
 *
 * tar-stream's reader is not used on purpose: it copies up to 4 MB of global records for every following header (50 kB of
 * headers cost it 29 s), and takes a folder's size for nothing and its bytes for headers.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  await using reader = new ByteReader(source);
  for (let last = ''; ; ) {
    const header = await nextHeader(reader, last);
    if (header === undefined) break;
    const body = new BytePortion(reader, header.sizeBytes, () => hostile('is cut off in', header.path));
    yield { ...header, body: body.chunks() };
    await body.skip();
    await readPadding(reader, header.sizeBytes, header.path);
    last = header.path;
  }
  await readTrailer(reader);
}

interface Header {
  readonly path: string;
  readonly type: TarEntry['type'];
  readonly executable: boolean;
  readonly sizeBytes: number;
  readonly target: string;
}

/** The next entry's header with its pax records; undefined at the end of the archive. */
async function nextHeader(reader: ByteReader, last: string): Promise<Header | undefined> {
  let block = await readBlock(reader, last);
  if (block === undefined) return undefined;
  let records = new Map<string, string>();
  if (typeFlag(block) === 'x') {
    const size = readNumber(block, 124, 12, last);
    if (size > MAX_EXTENSION_BYTES) throw hostile(`has pax records of ${size} bytes after`, last);
    records = parsePax(await readPadded(reader, size, last), last);
    block = await readBlock(reader, last);
    if (block === undefined) throw hostile('ends with pax records of nothing after', last);
  }
  return parseHeader(block, records, last);
}

function parseHeader(block: Buffer, records: ReadonlyMap<string, string>, last: string): Header {
  const prefix = block[345] === 0 ? '' : `${readText(block, 345, 155, last)}/`;
  const raw = records.get('path') ?? prefix + readText(block, 0, 100, last);
  const type = ({ '0': 'file', '\0': 'file', '2': 'symlink', '5': 'directory' } as const)[typeFlag(block)];
  if (type === undefined) throw hostile(`has an entry of type ${JSON.stringify(typeFlag(block))}:`, raw);
  const sizeBytes = readNumber(block, 124, 12, raw);
  if (type !== 'file' && sizeBytes > 0) throw hostile(`has a ${type} with content:`, raw);
  const target = type === 'symlink' ? (records.get('linkpath') ?? readText(block, 157, 100, raw)) : '';
  const path = type === 'directory' ? raw.replace(/\/$/, '') : raw;
  return { path: path.replace(/^\.\//, ''), type, executable: (readNumber(block, 100, 8, raw) & 0o100) !== 0, sizeBytes, target };
}

/** A header block with a right checksum; undefined for the block of zeros that ends an archive. */
async function readBlock(reader: ByteReader, last: string): Promise<Buffer | undefined> {
  const block = await reader.exactly(BLOCK);
  if (block.length < BLOCK) throw hostile('is cut off after', last);
  if (block.every((byte) => byte === 0)) return undefined;
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 0 : byte;
  if (block.toString('latin1', 257, 262) !== 'ustar' || readNumber(block, 148, 8, last) !== sum) throw hostile('has a broken header after', last);
  return block;
}

async function readPadded(reader: ByteReader, size: number, last: string): Promise<Buffer> {
  const bytes = await reader.exactly(size);
  if (bytes.length < size) throw hostile('is cut off after', last);
  await readPadding(reader, size, last);
  return bytes;
}

async function readPadding(reader: ByteReader, size: number, last: string): Promise<void> {
  const padding = (BLOCK - (size % BLOCK)) % BLOCK;
  if ((await reader.exactly(padding)).length < padding) throw hostile('is cut off in', last);
}

/** Writers pad with zeros to a multiple of their own; anything else after the end is not ours to wait for. */
async function readTrailer(reader: ByteReader): Promise<void> {
  for (let length = 0; ; ) {
    const chunk = await reader.some(CHUNK_BYTES);
    if (chunk === undefined) return;
    length += chunk.length;
    if (length > MAX_TRAILER_BYTES || chunk.some((byte) => byte !== 0)) throw hostile('goes on after its end', '');
  }
}

/** `<length> <key>=<value>\n`, the length counting itself. */
function parsePax(bytes: Buffer, last: string): Map<string, string> {
  const records = new Map<string, string>();
  for (let start = 0; start < bytes.length; ) {
    const digits = /^([1-9]\d{0,5}) /.exec(bytes.toString('latin1', start, start + 7));
    const end = start + Number(digits?.[1] ?? Number.NaN);
    if (digits === null || end > bytes.length || bytes[end - 1] !== 0x0a) throw hostile('has a broken pax record after', last);
    const record = decode(bytes.subarray(start + digits[0].length, end - 1), last);
    const equals = record.indexOf('=');
    if (equals <= 0) throw hostile('has a broken pax record after', last);
    records.set(record.slice(0, equals), record.slice(equals + 1));
    start = end;
  }
  // A size here would override the header's: two readers of one archive could disagree about where its files end.
  if (records.has('size')) throw hostile('has a pax size after', last);
  return records;
}

function typeFlag(block: Buffer): string {
  return block.toString('latin1', 156, 157);
}

function readNumber(block: Buffer, offset: number, length: number, path: string): number {
  const match = /^[ \0]*([0-7]*)[ \0]*$/.exec(block.toString('latin1', offset, offset + length));
  if (match === null) throw hostile('has a number that is none in', path);
  return Number.parseInt(match[1] || '0', 8);
}

function readText(block: Buffer, offset: number, length: number, last: string): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decode(end < 0 ? field : field.subarray(0, end), last);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Buffer, last: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw hostile('has a name that is not UTF-8 after', last, cause);
  }
}

function hostile(what: string, path: string, cause?: unknown): GloveboxError {
  const place = path === '' ? 'its beginning' : quoted(path);
  return new GloveboxError('archive_hostile', `the archive ${what} ${place}`, { cause, details: { entry: path } });
}
