import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../../../src/sandbox/wire/frame-reader.ts';
import type { Frame } from '../../../../src/sandbox/wire/frame-reader.ts';
import { FrameWriter } from '../../../../src/sandbox/wire/frame-writer.ts';
import { mac } from '../../../../src/sandbox/wire/mac.ts';
import { decodeCommand, decodeCredit, decodeEnd, decodeFault, decodeHello, decodeOpen, decodeOutput, decodePong, decodeStdinAck } from '../../../../src/sandbox/wire/messages-from-guest.ts';
import { encodeAck, encodeCancel, encodeCredit, encodeExec, encodeResize, encodeResume, encodeSignal, encodeSlept, encodeStdinHead } from '../../../../src/sandbox/wire/messages-to-guest.ts';
import { Builtin, FromGuest, OUTPUT_WINDOW_BYTES } from '../../../../src/sandbox/wire/protocol.ts';
import { helloPayload } from '../../../support/sandbox-fake-guest.ts';

// The lines are explained in make_wire_vectors.py beside it; init is tested on the same file.
const lines = readFileSync(new URL('../../../vectors/wire.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [word = '', ...pairs] = line.split(' ');
    return { word, field: new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)) };
  });

type Line = (typeof lines)[number];
const text = (line: Line, name: string): string => line.field.get(name) ?? '';
const number = (line: Line, name: string): number => Number(text(line, name));
const bytes = (line: Line, name: string): Buffer => (text(line, name) === '-' ? Buffer.alloc(0) : Buffer.from(text(line, name), 'hex'));
const named = (word: string, direction?: string) =>
  lines.filter((line) => line.word === word && (direction === undefined || text(line, 'dir') === direction)).map((line) => [text(line, 'name'), line] as const);
const keyLine = lines.find(({ word }) => word === 'keys') as Line;
const keys: Record<string, Buffer> = { host: bytes(keyLine, 'host'), init: bytes(keyLine, 'init') };
const nonce = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

function payloadOf(name: string): Buffer {
  const [, line] = named('frame').find(([candidate]) => candidate === name) ?? [];
  return bytes(line as Line, 'payload');
}

function frameOf(name: string): Frame {
  const [, line] = named('frame').find(([candidate]) => candidate === name) ?? [];
  const found = line as Line;
  return { type: number(found, 'type'), flags: number(found, 'flags'), stream: number(found, 'stream'), payload: bytes(found, 'payload'), bulk: [] };
}

/** A reader that has believed everything up to a sequence number of an epoch. */
function readerAt(epoch: number, sequence: number, key: Buffer) {
  const frames: Frame[] = [];
  const state = { superseded: false };
  const reader = new FrameReader({ key, epoch, nonce, onFrame: (frame) => frames.push({ ...frame, payload: Buffer.from(frame.payload) }), onSuperseded: () => (state.superseded = true) });
  const writer = new FrameWriter(key, epoch);
  reader.push(writer.seal(FromGuest.hello, 0, 0, helloPayload(nonce, 0, 0)));
  for (let i = 1; i < sequence; i++) reader.push(writer.seal(FromGuest.ready, 0, 0, Buffer.alloc(0)));
  frames.length = 0;
  return { reader, frames, state };
}

describe('frames', () => {
  test.each(named('frame'))('%s is built byte for byte', (_name, line) => {
    const key = keys[text(line, 'dir')] as Buffer;
    const whole = bytes(line, 'frame');
    if (number(line, 'sequence') > Number.MAX_SAFE_INTEGER) {
      // No host lives to send so many frames; the MAC is the same all the same.
      expect(mac(key, whole.subarray(0, -16))).toEqual(whole.subarray(-16));
      return;
    }
    const writer = new FrameWriter(key, number(line, 'epoch'), number(line, 'sequence') - 1);
    expect(writer.seal(number(line, 'type'), number(line, 'flags'), number(line, 'stream'), bytes(line, 'payload')).toString('hex')).toBe(whole.toString('hex'));
  });

  test.each(named('frame', 'init').filter(([name]) => name !== 'hello'))('%s is read', (_name, line) => {
    const { reader, frames } = readerAt(number(line, 'epoch'), number(line, 'sequence') - 1, keys['init'] as Buffer);
    reader.push(bytes(line, 'frame'));
    expect(frames).toEqual([{ type: number(line, 'type'), flags: number(line, 'flags'), stream: number(line, 'stream'), payload: bytes(line, 'payload'), bulk: [] }]);
  });
});

test.each(named('receive', 'init'))('receiving %s', (_name, line) => {
  const { reader, frames, state } = readerAt(number(line, 'epoch'), number(line, 'sequence'), keys['init'] as Buffer);
  const expected = text(line, 'expect');
  const push = (): void => reader.push(bytes(line, 'bytes'));
  if (expected === 'need_more' || expected === 'dropped') {
    push();
  } else if (expected === 'epoch') {
    // To the host a newer epoch is another host, which has won.
    push();
    expect(state.superseded).toBe(true);
  } else {
    expect(push).toThrow(expect.objectContaining({ code: 'wire_violation', details: { reason: expected } }) as Error);
  }
  expect(frames).toEqual([]);
});

test.each(named('hunt', 'init'))('hunting: %s', (_name, line) => {
  const frames: Frame[] = [];
  const reader = new FrameReader({ key: keys['init'] as Buffer, epoch: number(line, 'epoch'), nonce, onFrame: (frame) => frames.push(frame), onSuperseded: () => undefined });
  const all = bytes(line, 'bytes');
  if (text(line, 'expect') === 'nothing') {
    reader.push(all);
    expect(frames).toEqual([]);
    return;
  }
  const end = all.length - number(line, 'rest');
  reader.push(all.subarray(0, end - 1));
  expect(frames).toEqual([]);
  reader.push(all.subarray(end - 1, end));
  expect(frames.map(({ type }) => type)).toEqual([FromGuest.hello]);
});

describe('payloads', () => {
  test('of the host are encoded byte for byte', () => {
    expect(Buffer.concat([encodeStdinHead(0), Buffer.from('hello')])).toEqual(payloadOf('stdin'));
    expect(encodeStdinHead(5)).toEqual(payloadOf('stdin_last'));
    expect(encodeAck(1, 6)).toEqual(payloadOf('ack_stdout'));
    expect(encodeAck(2, 0)).toEqual(payloadOf('ack_stderr'));
    expect(encodeSignal(15, 'tree')).toEqual(payloadOf('signal'));
    expect(encodeCancel(500)).toEqual(payloadOf('cancel'));
    expect(encodeResume(6, 0)).toEqual(payloadOf('resume'));
    expect(encodeResize({ columns: 80, rows: 24 })).toEqual(payloadOf('resize'));
    expect(encodeSlept(90_000)).toEqual(payloadOf('slept'));
    expect(encodeCredit(262_144)).toEqual(payloadOf('credit'));
    const plain = { cwd: '/workspace', wallMs: 0, windowBytes: OUTPUT_WINDOW_BYTES, dropBeyondLimit: false };
    expect(encodeExec({ ...plain, id: 'run-7_B', argv: ['top'], env: { TERM: 'xterm' }, stdin: true, terminal: { columns: 80, rows: 24 } })).toEqual(payloadOf('exec_terminal'));
    expect(encodeExec({ ...plain, id: 'run-7_C', argv: ['/workspace', '--recursive'], builtin: Builtin.watch, env: {}, stdin: false })).toEqual(payloadOf('exec_watch'));
  });

  test('of init are decoded', () => {
    expect(decodeHello(frameOf('hello'))).toEqual({ features: 511, uid: 12345, commands: 0, ageMs: 250 });
    expect(decodeCommand(frameOf('command'))).toEqual({ stream: 1, id: 'run-7_A', ended: false, stdinTaken: 0, stdoutFrom: 0, stderrFrom: 0, windowBytes: 262144 });
    expect(decodeOutput(frameOf('output_stdout'))).toEqual({ channel: 'stdout', offset: 0, bytes: Buffer.from('hello\n') });
    expect(decodeOutput(frameOf('output_stderr'))).toMatchObject({ channel: 'stderr', offset: 2 ** 40 });
    expect(decodeStdinAck(frameOf('stdin_ack'))).toEqual({ offset: 5, closed: false });
    expect(decodeStdinAck(frameOf('stdin_ack_closed'))).toEqual({ offset: 5, closed: true });
    expect(decodeFault(frameOf('fault'))).toBe('3 "mac"');
    expect(decodeOpen(frameOf('open'))).toEqual({ via: 'name', host: 'api.example.com', port: 443, credit: 262_144 });
    expect(decodeOpen(frameOf('open_proxy'))).toEqual({ via: 'proxy', port: 3128, credit: 32_768 });
    expect(decodeCredit(frameOf('guest_credit'))).toBe(327_680);
    expect(decodeEnd(frameOf('end_not_started'))).toMatchObject({ cause: 'not_started', startError: 'ENOENT', tree: 'dead' });
    expect(decodeEnd(frameOf('end'))).toEqual({
      cause: 'exited',
      exitCode: 0,
      limitsHit: [],
      oomKills: { count: 0, blame: 'certain' },
      tree: 'dead',
      markerLost: false,
      usage: { wallMs: 2.5, userMs: 1.2, systemMs: 0.8, maxRssBytes: 4 * 2 ** 20 },
      output: { stdoutBytes: 6, stderrBytes: 0, droppedBytes: 0, lostBytes: 0 },
    });
    // A token that no host has counted up to is not an honest answer.
    expect(() => decodePong(frameOf('pong'))).toThrow(/2\^53/);
  });
});
