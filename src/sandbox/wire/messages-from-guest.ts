import { PROXY_PORT } from '../../contracts/index.ts';
import type { CommandEnd, LimitHit, SandboxConnection } from '../../contracts/index.ts';
import { errnoName, signalName } from './linux.ts';
import { Fields, readU64 } from './fields.ts';
import type { FieldShape } from './fields.ts';
import type { Frame } from './frame-reader.ts';
import { FILE_WINDOW_BYTES, HELLO_PAYLOAD_BYTES, LAST_FLAG, MAX_COMMANDS, NONCE_BYTES, OPEN_HEAD_BYTES, OUTPUT_HEAD_BYTES, OUTPUT_WINDOW_BYTES, Via, WIRE_VERSION } from './protocol.ts';
import { violation } from './violation.ts';

export type Channel = 'stdout' | 'stderr';

/** What init says when it is attached to. */
export interface Hello {
  readonly features: number;
  readonly uid: number;
  /** How many `COMMAND` follow before `READY`. */
  readonly commands: number;
  readonly ageMs: number;
}

/** A command that init knows, ended or not. */
export interface KnownCommand {
  readonly stream: number;
  readonly id: string;
  readonly ended: boolean;
  /** Bytes of stdin that the command has taken. */
  readonly stdinTaken: number;
  /** Where what init still has of each channel begins: everything before was acknowledged. */
  readonly stdoutFrom: number;
  readonly stderrFrom: number;
  /** Of each channel. */
  readonly windowBytes: number;
}

/** What a program dialled, and how many bytes may be sent to it at first. */
export type Dialled = Omit<SandboxConnection, 'stream'> & { readonly credit: number };

/** How init itself is. */
export interface Pong {
  readonly token: number;
  readonly initBytes: number;
  readonly processes: number;
  readonly commands: number;
}

/** `END`, with what the host alone can know left out: `output.lostBytes`. */
export type GuestEnd = CommandEnd;

const CAUSES = [undefined, 'exited', 'signalled', 'timeout', 'cpu_time', 'output', 'memory', 'disk', 'cancelled', 'not_started'] as const;
/** Labels with dots between them; how long the whole may be is the frame's shape. */
const NAME = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;
const LIMITS: readonly (readonly [number, LimitHit])[] = [[1, 'pids'], [4, 'disk'], [8, 'inodes'], [16, 'file_size']];

const endShape = {
  1: 'u32', 2: 'u32', 3: 'u32', 4: 'u32', 5: 'u32', 6: 'u32', 7: 'u32', 8: 'u64', 9: 'u64', 10: 'u64',
  11: 'u64', 12: 'u64', 13: 'u64', 14: 'u64', 15: 'u32', 16: 'u32',
} as const satisfies FieldShape;
const commandShape = { 1: 'text', 2: 'u32', 3: 'u64', 4: 'u64', 5: 'u64', 6: 'u64', 7: 'u64', 8: 'u32', 9: 'u32' } as const satisfies FieldShape;

export function decodeHello({ payload }: Frame): Hello {
  const version = payload.readUInt32LE(NONCE_BYTES);
  if (version !== WIRE_VERSION) throw violation('payload', `init speaks version ${version} of the wire, this is version ${WIRE_VERSION}: build the sandbox images again`);
  const commands = payload.readUInt32LE(NONCE_BYTES + 12);
  if (commands > MAX_COMMANDS) throw violation('payload', 'a hello that announces more commands than there may be');
  if (!isZero(payload.subarray(NONCE_BYTES + 28, HELLO_PAYLOAD_BYTES))) throw violation('payload', 'a hello with bytes that must be zero');
  return { features: payload.readUInt32LE(NONCE_BYTES + 4), uid: payload.readUInt32LE(NONCE_BYTES + 8), commands, ageMs: readU64(payload, NONCE_BYTES + 16) };
}

export function decodePong({ payload }: Frame): Pong {
  return { token: readU64(payload, 0), initBytes: readU64(payload, 8), processes: payload.readUInt32LE(16), commands: payload.readUInt32LE(20) };
}

export function decodeCommand({ payload, stream }: Frame): KnownCommand {
  const fields = Fields.parse(payload, commandShape);
  const id = fields.requireText(1);
  const state = fields.requireNumber(2);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id) || (state !== 1 && state !== 2)) throw violation('payload', 'a COMMAND that makes no sense');
  const [stdoutFrom, stderrFrom, stdinTaken] = [fields.number(3) ?? 0, fields.number(5) ?? 0, fields.number(7) ?? 0];
  return { stream, id, ended: state === 2, stdinTaken, stdoutFrom, stderrFrom, windowBytes: Math.min(fields.number(8) ?? OUTPUT_WINDOW_BYTES, FILE_WINDOW_BYTES) };
}

/** The bytes are a view: copy what is kept. A long frame goes on in its bulk. */
export function decodeOutput({ payload }: Frame): { readonly channel: Channel; readonly offset: number; readonly bytes: Buffer } {
  const channel = payload.readUInt8(0);
  if ((channel !== 1 && channel !== 2) || !isZero(payload.subarray(1, 8))) throw violation('payload', 'an OUTPUT of no channel');
  return { channel: channel === 1 ? 'stdout' : 'stderr', offset: readU64(payload, 8), bytes: payload.subarray(OUTPUT_HEAD_BYTES) };
}

export function decodeStdinAck({ payload, flags }: Frame): { readonly offset: number; readonly closed: boolean } {
  return { offset: readU64(payload, 0), closed: flags === LAST_FLAG };
}

export function decodeOpen({ payload }: Frame): Dialled {
  const via = payload.readUInt8(0);
  const port = payload.readUInt16LE(2);
  const credit = payload.readUInt32LE(4);
  const host = payload.toString('latin1', OPEN_HEAD_BYTES);
  if (payload.readUInt8(1) !== 0 || port === 0) throw violation('payload', 'an OPEN that makes no sense');
  if (via === Via.name && NAME.test(host)) return { via: 'name', host, port, credit };
  if (via === Via.proxy && host === '' && port === PROXY_PORT) return { via: 'proxy', port, credit };
  throw violation('payload', 'an OPEN of nothing that can be dialled');
}

/** How far we may send. */
export function decodeCredit({ payload }: Frame): number {
  return readU64(payload, 0);
}

/** The guest's own words, made harmless for a log. */
export function decodeFault({ payload }: Frame): string {
  return `${payload.readUInt32LE(0)} ${JSON.stringify(payload.toString('latin1', 4).replace(/[^ -~]/g, '?'))}`;
}

/** Whether a fault is one of the bytes and not of what they say: magic, length or MAC. */
export function isNoise({ payload }: Frame): boolean {
  return payload.readUInt32LE(0) <= 3;
}

export function decodeEnd({ payload }: Frame): GuestEnd {
  const fields = Fields.parse(payload, endShape);
  const cause = CAUSES[fields.requireNumber(1)];
  if (cause === undefined) throw violation('payload', 'an END without a cause');
  const [code, signal, errno] = [fields.number(2), fields.number(3), fields.number(4)];
  if (code !== undefined && (code > 255 || signal !== undefined)) throw violation('payload', 'an END with an exit code that cannot be');
  if ((cause === 'exited' && code === undefined) || (cause === 'signalled' && signal === undefined && fields.number(16) !== 1)) throw violation('payload', 'an END that does not say how');
  if ((cause === 'not_started') !== (errno !== undefined)) throw violation('payload', 'an END whose errno does not fit its cause');
  const hit = fields.number(5) ?? 0;
  return {
    cause,
    ...(code === undefined ? {} : { exitCode: code }),
    ...(signal === undefined ? {} : { signal: signalName(signal) }),
    ...(errno === undefined ? {} : { startError: errnoName(errno) }),
    limitsHit: LIMITS.filter(([bit]) => (hit & bit) !== 0).map(([, name]) => name),
    oomKills: { count: fields.number(6) ?? 0, blame: fields.number(7) === 1 ? 'shared' : 'certain' },
    tree: fields.number(15) === 1 ? 'dead' : 'unproven',
    markerLost: fields.number(16) === 1,
    usage: {
      wallMs: (fields.number(11) ?? 0) / 1000,
      userMs: (fields.number(8) ?? 0) / 1000,
      systemMs: (fields.number(9) ?? 0) / 1000,
      maxRssBytes: fields.number(10) ?? 0,
    },
    output: { stdoutBytes: fields.number(12) ?? 0, stderrBytes: fields.number(13) ?? 0, droppedBytes: fields.number(14) ?? 0, lostBytes: 0 },
  };
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
