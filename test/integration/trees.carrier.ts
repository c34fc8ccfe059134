// A process of its own that carries trees into a sandbox and out of it, and says what that took of its memory: a JSON line for each way.
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import tar from 'tar-stream';
import type { Sandbox } from '../../src/contracts/index.ts';
import { shell, specOf } from '../support/sandbox-commands.ts';
import { openWorld } from '../support/sandbox-kinds.ts';
import type { Kind } from '../support/sandbox-kinds.ts';

const MiB = 2 ** 20;
const BLOCK = 512;
const FOLDERS = 100;
const FILES_EACH = 1000;
const SMALL_BYTES = 2048;
const LARGE_BYTES = 1024 * MiB;
const PATIENCE = { timeoutMs: 200_000 };

export interface Carried {
  readonly what: string;
  /** Equal to what was carried, by this account of it. */
  readonly sent: string;
  readonly arrived: string;
  /** How much higher the peak of resident memory is than it was before. */
  readonly grewBytes: number;
}

const [kind, tree] = process.argv.slice(2);
await using world = openWorld(kind as Kind);
await using sandbox = await world.driver.create(specOf({ limits: { memoryBytes: 2560 * MiB, diskBytes: 1536 * MiB, inodes: 2 * FOLDERS * FILES_EACH } }));
// What is loaded and allocated at the first use of anything is not what is asked about.
await sandbox.files.mkdir('/workspace/warm');
await sandbox.files.unpack('/workspace/warm', archive([{ name: 'f', size: 1 }], () => [Buffer.from('x')]), PATIENCE);
for await (const _ of sandbox.files.pack('/workspace/warm', PATIENCE));

await (tree === 'many' ? many : large)(sandbox);

async function many({ files }: Sandbox): Promise<void> {
  const entries = Array.from({ length: FOLDERS * FILES_EACH }, (_, i) => i);
  const name = (i: number): string => `d${String(i % FOLDERS).padStart(2, '0')}/f${String(i).padStart(6, '0')}`;
  const content = (i: number): Buffer => Buffer.from(`${String(i).padEnd(SMALL_BYTES - 1)}\n`);
  const sum = entries.reduce((total, i) => total + i, 0);
  const sent = `${entries.length} files, ${sum}`;
  await files.mkdir('/workspace/many');
  await told('many files in', sent, async () => {
    await files.unpack('/workspace/many', archive(headers(), ({ name: path }) => [content(Number(path.slice(5)))]), PATIENCE);
    return await inside("find /workspace/many -type f -printf . | wc -c; find /workspace/many -type f -exec cat {} + | awk '{ sum += $1 } END { printf \"%.0f\\n\", sum }'", ([count, total]) => `${count} files, ${total}`);
  });
  await told('many files out', sent, async () => {
    let [count, total] = [0, 0];
    for await (const entry of entriesOf(files.pack('/workspace/many', PATIENCE))) {
      if (entry.header.type !== 'file') {
        entry.resume();
        continue;
      }
      count += 1;
      const text = (await Array.fromAsync(entry as AsyncIterable<Buffer>)).join('');
      if (text.length === SMALL_BYTES) total += Number(text);
    }
    return `${count} files, ${total}`;
  });
  await files.remove('/workspace/many', { recursive: true });

  function* headers(): Generator<{ name: string; size: number }> {
    for (const i of entries) yield { name: name(i), size: SMALL_BYTES };
  }
}

async function large({ files }: Sandbox): Promise<void> {
  // Nothing on the way could make it smaller, or mistake one part of it for another.
  const random = randomBytes(MiB);
  const digest = createHash('sha256');
  const parts = function* (): Generator<Buffer> {
    for (let i = 0; i < LARGE_BYTES / MiB; i++) {
      random.writeUInt32LE(i);
      yield Buffer.from(random);
    }
  };
  for (const part of parts()) digest.update(part);
  const sent = digest.digest('hex');
  await files.mkdir('/workspace/large');
  await told('a large file in', sent, async () => {
    await files.unpack('/workspace/large', archive([{ name: 'f', size: LARGE_BYTES }], parts), PATIENCE);
    return await inside('sha256sum < /workspace/large/f', ([line = '']) => line.split(' ')[0] ?? '');
  });
  await told('a large file out', sent, async () => {
    const back = createHash('sha256');
    for await (const entry of entriesOf(files.pack('/workspace/large', PATIENCE))) for await (const bytes of entry) back.update(bytes as Buffer);
    return back.digest('hex');
  });
}

async function told(what: string, sent: string, carry: () => Promise<string>): Promise<void> {
  const before = process.resourceUsage().maxRSS;
  const arrived = await carry();
  const carried: Carried = { what, sent, arrived, grewBytes: (process.resourceUsage().maxRSS - before) * 1024 };
  process.stdout.write(`${JSON.stringify(carried)}\n`);
}

async function inside(line: string, read: (lines: string[]) => string): Promise<string> {
  const { stdout } = await shell(sandbox, line, { limits: { wallMs: PATIENCE.timeoutMs } });
  return read(stdout.trim().split('\n'));
}

/** A ustar archive as it is asked for, no faster. */
function* archiveParts<T extends { name: string; size: number }>(entries: Iterable<T>, content: (entry: T) => Iterable<Buffer>): Generator<Buffer> {
  for (const entry of entries) {
    yield header(entry);
    yield* content(entry);
    yield Buffer.alloc((BLOCK - (entry.size % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** In pieces of a size that a reader of files or of a network would have. */
async function* archive<T extends { name: string; size: number }>(entries: Iterable<T>, content: (entry: T) => Iterable<Buffer>): AsyncGenerator<Buffer> {
  let [held, length]: [Buffer[], number] = [[], 0];
  for (const part of archiveParts(entries, content)) {
    held.push(part);
    length += part.length;
    if (length < 64 * 1024) continue;
    yield Buffer.concat(held);
    [held, length] = [[], 0];
  }
  yield Buffer.concat(held);
}

function header({ name, size }: { name: string; size: number }): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  block.write(`0000644\0${'0000000\0'.repeat(2)}${size.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0${' '.repeat(8)}0`, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function entriesOf(bytes: AsyncIterable<Buffer>): tar.Extract {
  return Readable.from(bytes).pipe(tar.extract());
}
