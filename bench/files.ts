import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import type { Sandbox, SandboxSpec } from '../src/contracts/index.ts';
import { WORKSPACE } from '../src/contracts/index.ts';
import { HARDENED } from './docker-baseline.ts';
import { type Report, inTurns, machine, percentiles, round, timesQuicker } from './report.ts';
import { BenchGround, IMAGE, SPEC, command } from './sandboxes.ts';

const MiB = 2 ** 20;
const ROOMY: SandboxSpec = { ...SPEC, limits: { ...SPEC.limits, memoryBytes: 2048 * MiB, diskBytes: 1024 * MiB, inodes: 200_000 } };
const PIECE_BYTES = 64 * 1024;
const READY = 'ready\n';
const SETTLE_MS = 500;

interface Archive {
  readonly tree: Buffer;
  readonly bytes: number;
}

interface Sizes {
  readonly streamMiB: number;
  readonly smallFiles: number;
  readonly largeMiB: number;
  readonly rounds: number;
  /** Of the streams, which are over sooner. */
  readonly streams: number;
}

/** Bytes of one command, both ways, beside the engine's raw attach stream; trees of files, both ways, beside `docker cp`. */
export default async function benchFiles(quick: boolean): Promise<Report> {
  const sizes = quick ? { streamMiB: 16, smallFiles: 500, largeMiB: 16, rounds: 2, streams: 2 } : { streamMiB: 256, smallFiles: 20_000, largeMiB: 512, rounds: 5, streams: 9 };
  await using ground = new BenchGround();
  await using sandbox = await ground.sandboxes.create(['container'], ROOMY);
  const streams = await streamTimes(sandbox, ground.docker, sizes);
  const trees = await treeTimes(sandbox, ground.docker, sizes);
  const rawAttach = { out: timesQuicker(streams, 'out', 'attachOut'), in: timesQuicker(streams, 'in', 'attachIn') };
  const dockerCp = {
    smallIn: timesQuicker(trees, 'smallIn', 'cpSmallIn'),
    smallOut: timesQuicker(trees, 'smallOut', 'cpSmallOut'),
    largeIn: timesQuicker(trees, 'largeIn', 'cpLargeIn'),
    largeOut: timesQuicker(trees, 'largeOut', 'cpLargeOut'),
  };
  return {
    bench: 'files',
    machine: machine(),
    figures: { sizes, streamMBps: rates(streams), treeMBps: rates(trees), rawAttach, dockerCp },
    // The worse of both ways, so that neither hides behind the other. A single large file is a stream more than a tree, and has a ratio of its own.
    ratios: {
      rawAttach: Math.min(...Object.values(rawAttach)),
      dockerCp: Math.min(dockerCp.smallIn, dockerCp.smallOut),
      dockerCpLargeFile: Math.min(dockerCp.largeIn, dockerCp.largeOut),
    },
  };
}

/** Milliseconds a MB (10^6 bytes), of each turn. */
type Times = Record<string, number[]>;

/** What is timed begins with the first byte, so starting a container or a command is no part of it, and clearing up the one before neither. */
async function streamTimes(sandbox: Sandbox, docker: Docker, { streamMiB, streams }: Sizes): Promise<Times> {
  const bytes = streamMiB * MiB;
  const out = ['/usr/bin/head', '-c', String(bytes), '/dev/zero'] as const;
  const taking = ['/bin/sh', '-c', `printf '${READY.replace('\n', '\\n')}'; exec wc -c`] as const;
  const times: Times = { out: [], attachOut: [], in: [], attachIn: [] };
  for (let turn = -1; turn < streams; turn++) {
    const turnMs = {
      out: await drained(sandbox.exec(command(...out)).output, bytes),
      attachOut: await attached(docker, out, (stream) => drained(payloads(stream), bytes)),
      in: await wireIn(sandbox, taking, bytes),
      attachIn: await attached(docker, taking, (stream) => attachIn(stream, bytes)),
    };
    if (turn >= 0) for (const [name, ms] of Object.entries(turnMs)) times[name]?.push(ms);
  }
  return aMegabyte(times, bytes);
}

function aMegabyte(times: Times, bytes: number): Times {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, ms.map((each) => each / (bytes / 1e6))]));
}

/** Medians, in MB a second. */
function rates(times: Times): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, round(1e3 / percentiles(ms).p50, 1)]));
}

async function drained(chunks: AsyncIterable<{ readonly bytes: Buffer }>, expected: number): Promise<number> {
  let began = 0;
  let bytes = 0;
  for await (const chunk of chunks) {
    began ||= performance.now();
    bytes += chunk.bytes.length;
  }
  if (bytes !== expected) throw new Error(`${bytes} bytes came, not ${expected}`);
  return performance.now() - began;
}

/** The engine and the kernel are still busy with the container before when it is gone, or with one that has just begun. */
const settled = (): Promise<void> => sleep(SETTLE_MS);

async function wireIn(sandbox: Sandbox, argv: readonly [string, ...string[]], bytes: number): Promise<number> {
  const running = sandbox.exec({ ...command(...argv), stdin: 'pipe' });
  const output = running.output[Symbol.asyncIterator]();
  await output.next();
  await settled();
  const began = performance.now();
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let sent = 0; sent < bytes; sent += piece.length) await running.write(piece);
  await running.closeStdin();
  const counted = (await output.next()).value?.bytes.toString().trim();
  const ms = performance.now() - began;
  if (Number(counted) !== bytes) throw new Error(`${counted} bytes arrived over the wire, not ${bytes}`);
  await output.next();
  await running.end;
  return ms;
}

async function attachIn(stream: NodeJS.ReadWriteStream, bytes: number): Promise<number> {
  const said = payloads(stream)[Symbol.asyncIterator]();
  await said.next();
  await settled();
  const began = performance.now();
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
  const counted = (await said.next()).value?.bytes.toString().trim();
  if (Number(counted) !== bytes) throw new Error(`${counted} bytes arrived through attach, not ${bytes}`);
  return performance.now() - began;
}

/** A container of its own with one command, attached before it starts. */
async function attached(docker: Docker, argv: readonly string[], use: (stream: NodeJS.ReadWriteStream) => Promise<number>): Promise<number> {
  const container = await docker.createContainer({ Image: IMAGE, Cmd: [...argv], OpenStdin: true, StdinOnce: true, HostConfig: HARDENED });
  try {
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    await container.start();
    return await use(stream);
  } finally {
    await container.remove({ force: true });
  }
}

/** What the engine's framing carries: eight bytes of head, the length in the last four. */
async function* payloads(stream: NodeJS.ReadableStream): AsyncGenerator<{ readonly bytes: Buffer }> {
  let head = Buffer.alloc(0);
  let left = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    let rest = piece;
    while (rest.length > 0) {
      if (left === 0) {
        const missing = 8 - head.length;
        head = Buffer.concat([head, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (head.length < 8) break;
        left = head.readUInt32BE(4);
        head = Buffer.alloc(0);
        continue;
      }
      const bytes = rest.subarray(0, left);
      left -= bytes.length;
      rest = rest.subarray(bytes.length);
      yield { bytes };
    }
  }
}

async function treeTimes(sandbox: Sandbox, docker: Docker, sizes: Sizes): Promise<Times> {
  const peer = await docker.createContainer({ Image: IMAGE, Cmd: ['sleep', '3600'], HostConfig: { NetworkMode: 'none' } });
  try {
    await peer.start();
    const small = await archive(sizes.smallFiles, 1024);
    const large = await archive(1, sizes.largeMiB * MiB);
    return {
      ...(await oneTree(sandbox, peer, 'small', small, sizes)),
      ...(await oneTree(sandbox, peer, 'large', large, sizes)),
    };
  } finally {
    await peer.remove({ force: true });
  }
}

async function oneTree(sandbox: Sandbox, peer: Docker.Container, name: 'small' | 'large', { tree, bytes }: Archive, { rounds }: Sizes): Promise<Times> {
  const kind = name === 'small' ? 'Small' : 'Large';
  const place = `${WORKSPACE}/${name}`;
  const times = await inTurns(
    {
      [`${name}In`]: async () => {
        await sandbox.files.mkdir(place);
        await sandbox.files.unpack(place, piecesOf(tree), { timeoutMs: 300_000 });
      },
      [`${name}Out`]: async () => {
        await discard(sandbox.files.pack(place, { timeoutMs: 300_000 }));
        return () => sandbox.files.remove(place, { recursive: true });
      },
      [`cp${kind}In`]: async () => void (await peer.putArchive(Readable.from(piecesOf(tree)), { path: '/opt' })),
      [`cp${kind}Out`]: async () => discard((await peer.getArchive({ path: '/opt/tree' })) as AsyncIterable<Buffer>),
    },
    rounds,
    1,
  );
  return aMegabyte(times, bytes);
}

async function discard(stream: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of stream);
}

/** A tar of `count` files in a folder `tree`, a hundred to a folder; in memory, so that reading it is no part of what is timed. */
async function archive(count: number, sizeBytes: number): Promise<Archive> {
  const pack = tar.pack();
  const whole = buffer(pack);
  const piece = Buffer.alloc(Math.min(sizeBytes, MiB), 'glovebox');
  for (let at = 0; at < count; at++) {
    const entry = pack.entry({ name: `tree/${Math.floor(at / 100)}/${at}`, size: sizeBytes });
    await pipeline(Readable.from(Array.from({ length: sizeBytes / piece.length }, () => piece)), entry);
  }
  pack.finalize();
  return { tree: await whole, bytes: count * sizeBytes };
}

/** As a socket or a file gives them. */
async function* piecesOf(tree: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < tree.length; at += PIECE_BYTES) yield tree.subarray(at, at + PIECE_BYTES);
}
