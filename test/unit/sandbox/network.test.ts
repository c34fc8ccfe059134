import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SandboxConnection, SandboxNetwork } from '../../../src/contracts/index.ts';
import { GuestSandbox } from '../../../src/sandbox/guest.ts';
import { portsOf } from '../../../src/sandbox/network-ports.ts';
import { currentOwner } from '../../../src/sandbox/owner.ts';
import { SandboxState } from '../../../src/sandbox/state.ts';
import { writeU64 } from '../../../src/sandbox/wire/fields.ts';
import { Feature, FromGuest, LAST_FLAG, MAX_CONNECTIONS, ToGuest } from '../../../src/sandbox/wire/protocol.ts';
import { ids, specOf } from '../../support/sandbox-commands.ts';
import { FakeGuest, openPayload } from '../../support/sandbox-fake-guest.ts';

const WINDOW = 262_144;
const FEATURES = Feature.seccomp | Feature.network;

let stateDir: string;
let guest: FakeGuest;
let sandbox: GuestSandbox;
let accepted: SandboxConnection[];

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'glovebox-network-'));
  guest = new FakeGuest();
  guest.features = FEATURES;
  accepted = [];
});
afterEach(async () => {
  await sandbox?.destroy();
  rmSync(stateDir, { recursive: true });
});

async function open(network: SandboxNetwork | 'none' = { ports: [] }): Promise<GuestSandbox> {
  const id = ids.next('sbx');
  const spec = specOf(network === 'none' ? {} : { network });
  sandbox = await GuestSandbox.open({
    id,
    kind: 'container',
    image: 'sha256:0',
    limitsAre: 'hard',
    spec,
    state: SandboxState.create(stateDir, { id, kind: 'container', owner: currentOwner(), createdMs: 0, spec }),
    env: {},
    requires: Feature.seccomp,
    writable: [],
    ids,
    connect: async () => guest.connect(),
    destroy: async () => {},
  });
  sandbox.serveNetwork((connection) => accepted.push(connection));
  return sandbox;
}

/** The next connection, as a program would open it. */
async function dialled(host = 'a.test', port = 443, credit = WINDOW): Promise<SandboxConnection> {
  guest.send(FromGuest.open, accepted.length + 1, openPayload(host, port, { credit }));
  await settle();
  return accepted.at(-1) as SandboxConnection;
}

/** What was sent before is there once this has come back. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

function offset(value: number): Buffer {
  const payload = Buffer.alloc(8);
  writeU64(payload, value, 0);
  return payload;
}

const creditsOf = (stream: number): number[] => guest.seen(ToGuest.credit).filter((frame) => frame.stream === stream).map(({ payload }) => Number(payload.readBigUInt64LE(0)));
const sentTo = (stream: number): Buffer => Buffer.concat(guest.seen(ToGuest.data).filter((frame) => frame.stream === stream).map(({ payload }) => payload));
const closesOf = (stream: number): number => guest.seen(ToGuest.close).filter((frame) => frame.stream === stream).length;

describe('opening', () => {
  test('tells init the ports, in order, with those that everybody dials', async () => {
    await open({ ports: [5432, 443, 22] });
    const ports = Buffer.from([4, 0, 8, 0, 0, 0, 22, 0, 80, 0, 0xbb, 1, 0x38, 0x15]);
    expect(guest.configuration.subarray(-ports.length)).toEqual(ports);
  });

  test('fails where init cannot listen, and says on what', async () => {
    guest.features = Feature.seccomp;
    await expect(open({ ports: [5432] })).rejects.toMatchObject({ code: 'sandbox_start_failed', message: expect.stringContaining('80, 443, 5432') as string });
  });

  test.each([[[0]], [[65_536]], [[-1]], [Array.from({ length: 65 }, (_, i) => 1000 + i)]])('takes no such ports: %j', async (ports) => {
    expect(() => portsOf({ ports })).toThrow(expect.objectContaining({ code: 'config_invalid' }) as Error);
    await expect(open({ ports })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  test('takes as many ports as may be, and each once', () => {
    const ports = Array.from({ length: 64 }, (_, i) => 2000 - i);
    expect(portsOf({ ports: [...ports, ...ports, 80] })).toEqual([80, 443, ...ports.toReversed()]);
  });
});

describe('a connection', () => {
  test('says what was dialled', async () => {
    await open();
    expect(await dialled('db_1.example', 5432)).toMatchObject({ via: 'name', host: 'db_1.example', port: 5432 });
    guest.send(FromGuest.open, 2, openPayload('', 3128, { via: 2 }));
    await settle();
    expect(accepted[1]).toMatchObject({ via: 'proxy', port: 3128 });
    expect(accepted[1]).not.toHaveProperty('host');
  });

  test('is closed at once where nobody serves', async () => {
    await open();
    sandbox.serveNetwork(({ stream }) => stream.destroy());
    guest.send(FromGuest.open, 1, openPayload('a.test', 80));
    expect(await guest.next(ToGuest.close)).toMatchObject({ stream: 1 });
    expect(creditsOf(1)).toEqual([]);
  });

  test('has credit when it is read, and more when that was consumed', async () => {
    await open();
    const { stream } = await dialled();
    expect(creditsOf(1)).toEqual([]);
    expect(stream.read()).toBeNull();
    await settle();
    expect(creditsOf(1)).toEqual([WINDOW]);
    for (let i = 0; i < 4; i++) guest.send(FromGuest.data, 1, Buffer.alloc(65_536, i));
    await settle();
    // Nobody has read any of it.
    expect(creditsOf(1)).toEqual([WINDOW]);
    expect((stream.read(65_536) as Buffer).equals(Buffer.alloc(65_536, 0))).toBe(true);
    await settle();
    expect(creditsOf(1)).toEqual([WINDOW, WINDOW + 65_536]);
    expect((stream.read() as Buffer).length).toBe(3 * 65_536);
    await settle();
    expect(creditsOf(1)).toEqual([WINDOW, WINDOW + 65_536, 2 * WINDOW]);
  });

  test('is written to as far as init gives credit, in chunks, and its writer waits', async () => {
    await open();
    const { stream } = await dialled('a.test', 80, 100_000);
    const bytes = Buffer.from(Array.from({ length: 150_000 }, (_, i) => i % 251));
    let isWritten = false;
    stream.write(bytes, () => (isWritten = true));
    await settle();
    expect(guest.seen(ToGuest.data).map(({ payload }) => payload.length)).toEqual([65_536, 34_464]);
    expect(isWritten).toBe(false);
    guest.send(FromGuest.credit, 1, offset(200_000));
    await settle();
    expect(isWritten).toBe(true);
    expect(sentTo(1).equals(bytes)).toBe(true);
  });

  test('ends each way by itself, and is over when both ends have said so', async () => {
    await open();
    const { stream } = await dialled();
    stream.end('all of it');
    await settle();
    expect(guest.seen(ToGuest.data).map(({ flags, payload }) => [flags, payload.toString()])).toEqual([[0, 'all of it'], [LAST_FLAG, '']]);
    expect(closesOf(1)).toBe(0);
    stream.resume();
    await settle();
    guest.send(FromGuest.data, 1, Buffer.from('the rest'), LAST_FLAG);
    await closed(stream);
    expect(stream.readableEnded).toBe(true);
    expect(stream.errored).toBeNull();
    expect(closesOf(1)).toBe(1);
    guest.send(FromGuest.close, 1);
    await settle();
    expect(closesOf(1)).toBe(1);
    expect((await sandbox.ping().catch(() => 'alive'))).toBe('alive');
  });

  test('that the program resets is destroyed, although nobody listens for the error', async () => {
    await open();
    const { stream } = await dialled();
    const written = new Promise((resolve) => stream.write(Buffer.alloc(2 * WINDOW), resolve));
    guest.send(FromGuest.close, 1);
    await closed(stream);
    expect(stream.errored).toMatchObject({ code: 'ECONNRESET' });
    expect(await written).toBeInstanceOf(Error);
    expect(closesOf(1)).toBe(1);
  });

  test('that we destroy is closed once, and what is still under way is thrown away', async () => {
    await open();
    const { stream } = await dialled();
    stream.resume();
    await settle();
    stream.destroy();
    guest.send(FromGuest.data, 1, Buffer.from('late'));
    guest.send(FromGuest.credit, 1, offset(WINDOW + 1));
    guest.send(FromGuest.close, 1);
    await settle();
    expect(closesOf(1)).toBe(1);
    expect(stream.errored).toBeNull();
    expect((await dialled('b.test')).host).toBe('b.test');
  });

  test('ends with its wire, and the next ones are numbered anew', async () => {
    await open();
    const { stream } = await dialled();
    guest.breakTransport();
    await closed(stream);
    expect(stream.errored).toMatchObject({ code: 'ECONNRESET' });
    await guest.next(ToGuest.attach);
    await guest.next(ToGuest.attach);
    await settle();
    guest.send(FromGuest.open, 1, openPayload('b.test', 80));
    await settle();
    expect(accepted.at(-1)).toMatchObject({ host: 'b.test' });
    accepted.at(-1)?.stream.write('x');
    await settle();
    expect(sentTo(1).toString()).toBe('x');
  });

  test('ends with its sandbox', async () => {
    await open();
    const { stream } = await dialled();
    await Promise.all([closed(stream), sandbox.destroy()]);
    expect(stream.errored).toMatchObject({ code: 'ECONNRESET' });
  });

  test('gives and takes every byte, however it is written, read and credited', async () => {
    await open();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 8 }), fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 8 }), async (writes, credits) => {
        guest.frames.length = 0;
        const { stream } = await dialled('a.test', 80, 0);
        const number = accepted.length;
        let [sum, granted, got] = [0, 0, 0];
        for (const length of writes) {
          stream.write(Buffer.alloc(length, sum % 251));
          sum += length;
        }
        for (let i = 0; granted < sum; i++) {
          granted += (credits[i % credits.length] ?? 0) + Math.ceil(sum / 16);
          guest.send(FromGuest.credit, number, offset(granted));
          await settle();
          const sent = sentTo(number).length;
          expect(sent).toBe(Math.min(granted, sum));
        }
        stream.on('data', (bytes: Buffer) => (got += bytes.length));
        await settle();
        for (const length of writes.map((write) => Math.min(write, 65_536)).filter((write) => write > 0).slice(0, 3)) {
          guest.send(FromGuest.data, number, Buffer.alloc(length));
          await settle();
        }
        expect(got).toBe(writes.map((write) => Math.min(write, 65_536)).filter((write) => write > 0).slice(0, 3).reduce((a, b) => a + b, 0));
        stream.destroy();
        guest.send(FromGuest.close, number);
        await settle();
      }),
      { numRuns: 25 },
    );
  });
});

describe('a guest that breaks the rules is stopped', () => {
  /** Data of a connection that has credit. */
  async function data(...payloads: readonly (readonly [bytes: number, flags?: number])[]): Promise<void> {
    (await dialled()).stream.read();
    for (const [bytes, flags] of payloads) guest.send(FromGuest.data, 1, Buffer.alloc(bytes), flags);
  }

  /** A frame on a connection that was just opened. */
  async function then(type: number, payload?: Buffer): Promise<void> {
    await dialled();
    guest.send(type, 1, payload);
  }

  const dialling = (host: string, port: number, options = {}, stream = 1) => async (): Promise<void> => guest.send(FromGuest.open, stream, openPayload(host, port, options));
  const names = ['', 'A.test', 'a..test', 'a.', '.a', 'a b', 'a/b', 'ü', 'a\0', 'a\n', `${'x'.repeat(64)}.test`];
  const refused: readonly (readonly [string, () => Promise<void>])[] = [
    ['a connection out of turn', dialling('a.test', 80, {}, 2)],
    ['a way to dial that there is not', dialling('a.test', 80, { via: 3 })],
    ['port 0', dialling('a.test', 0)],
    ['a byte that must be zero', dialling('a.test', 80, { zero: 1 })],
    ...names.map((host) => [`the name ${JSON.stringify(host)}`, dialling(host, 80)] as const),
    ['a proxy with a name', dialling('a.test', 3128, { via: 2 })],
    ['a proxy on another port', dialling('', 80, { via: 2 })],
    ['data without credit', () => then(FromGuest.data, Buffer.from('x'))],
    ['data beyond its credit', () => data([65_536], [65_536], [65_536], [65_536], [1])],
    ['no data', () => data([0])],
    ['data after the end', () => data([0, LAST_FLAG], [1])],
    ['credit that goes back', () => then(FromGuest.credit, offset(5))],
    ['credit beyond all numbers', () => then(FromGuest.credit, Buffer.alloc(8, 0xff))],
    ['data of no connection', async () => guest.send(FromGuest.data, 1, Buffer.from('x'))],
    [
      'a second last word',
      async () => {
        await then(FromGuest.close);
        guest.send(FromGuest.close, 1);
      },
    ],
    ['a type that there is not', () => then(0xa4)],
    [
      'one connection too many',
      async () => {
        for (let i = 1; i <= MAX_CONNECTIONS + 1; i++) guest.send(FromGuest.open, i, openPayload('a.test', 80));
      },
    ],
  ];

  test.each(refused)('%s', async (_what, act) => {
    await open();
    await act();
    expect(await sandbox.gone).toMatch(/broke the wire/);
  });

  test('a connection where there is no network', async () => {
    await open('none');
    guest.send(FromGuest.open, 1, openPayload('a.test', 80));
    expect(await sandbox.gone).toMatch(/without a network/);
  });
});

test('as many connections as may be are served, again and again', async () => {
  await open();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < MAX_CONNECTIONS; i++) guest.send(FromGuest.open, round * MAX_CONNECTIONS + i + 1, openPayload('a.test', 80));
    await settle();
    expect(accepted.length).toBe((round + 1) * MAX_CONNECTIONS);
    for (let i = round * MAX_CONNECTIONS + 1; i <= accepted.length; i++) guest.send(FromGuest.close, i);
    await settle();
  }
});

test('the network of a sandbox is remembered for whoever takes it over', async () => {
  await open({ ports: [5432] });
  expect(SandboxState.read(stateDir, sandbox.id).spec.network).toEqual({ ports: [5432] });
});
