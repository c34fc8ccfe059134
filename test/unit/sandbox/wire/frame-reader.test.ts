import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../../../src/sandbox/wire/frame-reader.ts';
import { FrameWriter } from '../../../../src/sandbox/wire/frame-writer.ts';
import { FromGuest, MAX_CHUNK_BYTES, MAX_PAYLOAD_BYTES, OUTPUT_HEAD_BYTES } from '../../../../src/sandbox/wire/protocol.ts';
import { helloPayload } from '../../../support/sandbox-fake-guest.ts';

const key = randomBytes(32);
const nonce = randomBytes(16);
const EPOCH = 7;

interface Seen {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

function reader(options: { epoch?: number } = {}) {
  const seen: Seen[] = [];
  let superseded = 0;
  const frames = new FrameReader({
    key,
    epoch: options.epoch ?? EPOCH,
    nonce,
    onFrame: (frame) => seen.push({ ...frame, payload: Buffer.from(frame.payload) }),
    onSuperseded: () => {
      superseded += 1;
    },
  });
  return { frames, seen, superseded: () => superseded };
}

/** What a guest sends: a hello, and then these payloads. */
function conversation(payloads: readonly Uint8Array[], epoch = EPOCH) {
  const writer = new FrameWriter(key, epoch);
  const hello = writer.seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0xff, 0));
  return [hello, ...payloads.map((payload, i) => writer.seal(FromGuest.end, 0, i + 1, Buffer.from(payload)))];
}

const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });

describe('reading frames', () => {
  test('any cut of the stream gives the same frames', () => {
    fc.assert(
      fc.property(payloads, fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(2000), { maxLength: 30 }), (sent, garbage, cuts) => {
        const bytes = Buffer.concat([garbage, ...conversation(sent)]);
        const { frames, seen } = reader();
        const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
        for (let i = 0, from = 0; i <= places.length; from = places[i] ?? 0, i++) frames.push(bytes.subarray(from, places[i] ?? bytes.length));
        expect(seen.slice(1).map(({ payload }) => payload)).toEqual(sent.map((payload) => Buffer.from(payload)));
      }),
    );
  });

  test('one byte at a time is as good as all at once', () => {
    const { frames, seen } = reader();
    for (const byte of Buffer.concat(conversation([Buffer.from('a'), Buffer.alloc(1000, 7)]))) frames.push(Buffer.from([byte]));
    expect(seen.map(({ payload }) => payload.length)).toEqual([64, 1, 1000]);
  });

  test('a flipped bit after the hello is a violation, and nothing of the frame is believed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (payload, where) => {
        const [hello, frame] = conversation([payload]) as [Buffer, Buffer];
        const bit = where % (frame.length * 8);
        const bad = Buffer.from(frame);
        bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const { frames, seen } = reader();
        frames.push(hello);
        // A length that has grown waits for more: whatever comes then, the frame is not believed.
        expect(() => frames.push(Buffer.concat([bad, Buffer.alloc(MAX_PAYLOAD_BYTES)]))).toThrow(/broke the wire/);
        expect(seen).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test('a flipped bit in the hello is no hello', () => {
    const [hello] = conversation([]) as [Buffer];
    for (let bit = 0; bit < hello.length * 8; bit++) {
      const bad = Buffer.from(hello);
      bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const { frames, seen } = reader();
      frames.push(bad);
      expect(seen).toHaveLength(0);
    }
  });

  test.each([
    ['a frame left out', [0, 2]],
    ['a frame sent twice', [0, 1, 1]],
    ['frames in another order', [0, 2, 1]],
  ])('%s is a violation', (_what, order) => {
    const sent = conversation([Buffer.from('one'), Buffer.from('two')]);
    const { frames } = reader();
    expect(() => {
      for (const i of order) frames.push(sent[i] as Buffer);
    }).toThrow(/broke the wire/);
  });

  test('a header that announces too much is refused before the payload comes', () => {
    const { frames } = reader();
    const [hello] = conversation([]) as [Buffer];
    frames.push(hello);
    const header = Buffer.alloc(8);
    header.write('GBX1', 0, 'latin1');
    header.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 4);
    expect(() => frames.push(header)).toThrow(/longer than the limit/);
  });

  test('the largest frame passes', () => {
    const { frames, seen } = reader();
    for (const bytes of conversation([Buffer.alloc(MAX_PAYLOAD_BYTES, 1)])) frames.push(bytes);
    expect(seen[1]?.payload.length).toBe(MAX_PAYLOAD_BYTES);
  });

  /** What a guest sends of one long output, and what comes of it, however it is cut. */
  function longOutput(whole: Buffer, cuts: readonly number[], spoil: (frame: Buffer) => void = () => undefined) {
    const writer = new FrameWriter(key, EPOCH);
    const head = Buffer.alloc(OUTPUT_HEAD_BYTES, 1);
    const sent = [writer.seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0xff, 0)), writer.seal(FromGuest.output, 0, 1, head, whole), writer.seal(FromGuest.end, 0, 1, Buffer.from('end'))];
    spoil(sent[1] as Buffer);
    const bytes = Buffer.concat(sent);
    const seen: Buffer[] = [];
    const frames = new FrameReader({ key, epoch: EPOCH, nonce, onFrame: ({ payload, bulk }) => seen.push(Buffer.concat([payload, ...bulk])), onSuperseded: () => undefined });
    const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
    for (let i = 0, from = 0; i <= places.length; from = places[i] ?? 0, i++) frames.push(bytes.subarray(from, places[i] ?? bytes.length));
    return { output: seen[1], expected: Buffer.concat([head, whole]), end: seen[2]?.toString() };
  }

  const long = fc.integer({ min: 4000, max: MAX_CHUNK_BYTES }).map((length) => Buffer.from(Array.from({ length }, (_, i) => i % 251)));
  const anyCuts = fc.array(fc.nat(MAX_CHUNK_BYTES + 400), { maxLength: 30 });

  test('a long output is the same however it is cut', () => {
    fc.assert(
      fc.property(long, anyCuts, (whole, cuts) => {
        const { output, expected, end } = longOutput(whole, cuts);
        expect(output?.equals(expected)).toBe(true);
        expect(end).toBe('end');
      }),
    );
  });

  test('one bit of a long output that is not as it was sealed is a violation, however it is cut', () => {
    fc.assert(
      fc.property(long, anyCuts, fc.nat(), (whole, cuts, bit) => {
        const spoil = (frame: Buffer): void => {
          // Magic, length and type say by themselves how to go on.
          const at = 12 + (bit % (frame.length - 12));
          frame.writeUInt8(frame.readUInt8(at) ^ (1 << bit % 8), at);
        };
        expect(() => longOutput(whole, cuts, spoil)).toThrow(/broke the wire/);
      }),
    );
  });

  test('dust of a long output is put together', () => {
    let pieces = 0;
    const frames = new FrameReader({ key, epoch: EPOCH, nonce, onFrame: ({ bulk }) => (pieces = bulk.length), onSuperseded: () => undefined });
    const writer = new FrameWriter(key, EPOCH);
    frames.push(writer.seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0xff, 0)));
    for (const byte of writer.seal(FromGuest.output, 0, 1, Buffer.alloc(OUTPUT_HEAD_BYTES), Buffer.alloc(MAX_CHUNK_BYTES))) frames.push(Buffer.from([byte]));
    expect(pieces).toBe(MAX_CHUNK_BYTES / 4096);
  });

  test('frames of an older epoch are dropped whole', () => {
    const { frames, seen } = reader();
    const [hello, current] = conversation([Buffer.from('new')]) as [Buffer, Buffer];
    const [, old] = conversation([Buffer.from('old')], EPOCH - 1) as [Buffer, Buffer];
    frames.push(Buffer.concat([hello, old, current]));
    expect(seen.slice(1).map(({ payload }) => payload.toString())).toEqual(['new']);
  });

  test('an authentic frame of a newer epoch says that somebody else has taken over', () => {
    const { frames, seen, superseded } = reader();
    const [hello] = conversation([]) as [Buffer];
    frames.push(hello);
    frames.push(Buffer.concat(conversation([Buffer.from('theirs')], EPOCH + 1)));
    expect(superseded()).toBeGreaterThan(0);
    expect(seen).toHaveLength(1);
  });
});

describe('hunting for the hello', () => {
  test('finds it behind anything, however much it looks like a frame', () => {
    const lookalike = fc.constantFrom(Buffer.from('GBX1'), Buffer.from('GBX'), Buffer.concat(conversation([], EPOCH - 1)), Buffer.concat(conversation([])).subarray(0, 100));
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), lookalike), { maxLength: 10 }), fc.nat(), (noise, cut) => {
        const bytes = Buffer.concat([...noise, ...conversation([Buffer.from('after')])]);
        const { frames, seen } = reader();
        frames.push(bytes.subarray(0, cut % bytes.length));
        frames.push(bytes.subarray(cut % bytes.length));
        expect(seen.map(({ type }) => type)).toEqual([FromGuest.hello, FromGuest.end]);
      }),
    );
  });

  test('a hello for another nonce, another epoch or with another key is passed over', () => {
    const { frames, seen } = reader();
    frames.push(new FrameWriter(key, EPOCH).seal(FromGuest.hello, 0, 0, helloPayload(randomBytes(16), 0, 0)));
    frames.push(new FrameWriter(key, EPOCH - 1).seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0, 0)));
    frames.push(new FrameWriter(randomBytes(32), EPOCH).seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0, 0)));
    expect(seen).toHaveLength(0);
    frames.push(new FrameWriter(key, EPOCH).seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0, 0)));
    expect(seen).toHaveLength(1);
  });

  test('a forged header cannot make it wait: the true hello right behind it is found at once', () => {
    const { frames, seen } = reader();
    const forged = Buffer.alloc(32);
    forged.write('GBX1', 0, 'latin1');
    forged.writeUInt32LE(MAX_PAYLOAD_BYTES, 4);
    frames.push(Buffer.concat([forged, ...conversation([])]));
    expect(seen).toHaveLength(1);
  });
});
