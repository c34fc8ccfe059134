import type { SignalScope } from '../../contracts/index.ts';
import { FieldWriter, writeU64 } from './fields.ts';
import { ConfigurationTag, ExecFlag, ExecTag, KEY_BYTES, MAX_COMMANDS, MAX_CONFIGURATION_BYTES, MAX_PAYLOAD_BYTES, PREAMBLE_MAGIC } from './protocol.ts';
import type { Builtin } from './protocol.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What init is to run: a program (argv) or, with `builtin`, a file operation and its operands. */
export interface ExecRequest {
  readonly id: string;
  readonly argv: readonly string[];
  readonly builtin?: Builtin;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly wallMs: number;
  readonly cpuMs?: number | undefined;
  readonly outputBytes?: number | undefined;
  readonly graceMs?: number | undefined;
  readonly openFiles?: number | undefined;
  readonly processes?: number | undefined;
  readonly stdin: boolean;
  /** One terminal instead of three streams; `stdin` is what is typed. */
  readonly terminal?: TerminalSize | undefined;
  /** Of each channel. */
  readonly windowBytes: number;
  readonly dropBeyondLimit: boolean;
}

/** The first bytes that init ever reads. `ports`: where it listens for names, in ascending order; undefined for no network. Errors: `RangeError` when the paths do not fit. */
export function encodePreamble(keys: { readonly toGuest: Buffer; readonly fromGuest: Buffer }, graceMs: number, writable: readonly string[], ports?: readonly number[]): Buffer {
  const fields = new FieldWriter().u32(ConfigurationTag.graceMs, Math.max(1, clampU32(graceMs))).u32(ConfigurationTag.maxCommands, MAX_COMMANDS);
  for (const path of writable) fields.text(ConfigurationTag.writable, path);
  if (ports !== undefined) fields.u16s(ConfigurationTag.ports, ports);
  if (fields.length > MAX_CONFIGURATION_BYTES) throw new RangeError('the configuration does not fit the preamble');
  const head = Buffer.alloc(PREAMBLE_MAGIC.length + 2 * KEY_BYTES + 4);
  head.write(PREAMBLE_MAGIC, 0, 'latin1');
  head.set(keys.toGuest, PREAMBLE_MAGIC.length);
  head.set(keys.fromGuest, PREAMBLE_MAGIC.length + KEY_BYTES);
  head.writeUInt32LE(fields.length, PREAMBLE_MAGIC.length + 2 * KEY_BYTES);
  return Buffer.concat([head, fields.toBuffer()]);
}

/** Why init could not run it, known without asking; undefined when it can be sent. The words are the kernel's. */
export function refusal(request: ExecRequest): 'EINVAL' | 'E2BIG' | 'ENOENT' | undefined {
  if (request.argv[0] === undefined || (request.argv[0] === '' && request.builtin === undefined)) return 'ENOENT';
  if (!request.cwd.startsWith('/') || hasNul(request.cwd) || request.argv.some(hasNul)) return 'EINVAL';
  for (const [name, value] of Object.entries(request.env)) {
    if (name === '' || name.includes('=') || hasNul(name) || hasNul(value)) return 'EINVAL';
  }
  if (request.terminal !== undefined && !isSize(request.terminal)) return 'EINVAL';
  return encodeExec(request).length > MAX_PAYLOAD_BYTES ? 'E2BIG' : undefined;
}

export function encodeExec(request: ExecRequest): Buffer {
  const fields = new FieldWriter().text(ExecTag.id, request.id);
  for (const argument of request.argv) fields.text(ExecTag.argument, argument);
  for (const [name, value] of Object.entries(request.env)) fields.text(ExecTag.environment, `${name}=${value}`);
  fields.text(ExecTag.workingDirectory, request.cwd).u32(ExecTag.wallMs, clampU32(request.wallMs));
  if (request.cpuMs !== undefined) fields.u32(ExecTag.cpuMs, clampU32(request.cpuMs));
  if (request.outputBytes !== undefined) fields.u64(ExecTag.outputBytes, request.outputBytes);
  fields.u32(ExecTag.flags, flagsOf(request));
  fields.u32(ExecTag.windowBytes, request.windowBytes);
  if (request.graceMs !== undefined) fields.u32(ExecTag.graceMs, clampU32(request.graceMs));
  if (request.openFiles !== undefined) fields.u32(ExecTag.openFiles, clampU32(request.openFiles));
  if (request.processes !== undefined) fields.u32(ExecTag.processes, clampU32(request.processes));
  if (request.builtin !== undefined) fields.u32(ExecTag.builtin, request.builtin);
  if (request.terminal !== undefined) fields.u32(ExecTag.size, request.terminal.rows * 0x1_0000 + request.terminal.columns);
  return fields.toBuffer();
}

/** What stands before the bytes. */
export function encodeStdinHead(offset: number): Buffer {
  const head = Buffer.allocUnsafe(8);
  writeU64(head, offset, 0);
  return head;
}

/** How far init may send. */
export function encodeCredit(offset: number): Buffer {
  return encodeStdinHead(offset);
}

export function encodeAck(channel: 1 | 2, offset: number): Buffer {
  const payload = Buffer.alloc(16);
  payload.writeUInt8(channel, 0);
  writeU64(payload, offset, 8);
  return payload;
}

const SCOPES: Readonly<Record<SignalScope, number>> = { process: 0, tree: 1, late: 2 };

export function encodeSignal(number: number, scope: SignalScope): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32LE(number, 0);
  payload.writeUInt32LE(SCOPES[scope], 4);
  return payload;
}

export function encodeCancel(graceMs: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(clampU32(graceMs), 0);
  return payload;
}

export function encodeResume(stdoutOffset: number, stderrOffset: number): Buffer {
  const payload = Buffer.alloc(16);
  writeU64(payload, stdoutOffset, 0);
  writeU64(payload, stderrOffset, 8);
  return payload;
}

export function encodeResize({ columns, rows }: TerminalSize): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt16LE(columns, 0);
  payload.writeUInt16LE(rows, 2);
  return payload;
}

/** What the kernel can hold; zero is a terminal that does not know. */
function isSize({ columns, rows }: TerminalSize): boolean {
  return [columns, rows].every((count) => Number.isInteger(count) && count >= 0 && count <= 0xffff);
}

export function encodePing(token: number): Buffer {
  const payload = Buffer.alloc(8);
  writeU64(payload, token, 0);
  return payload;
}

export function encodeSlept(milliseconds: number): Buffer {
  const payload = Buffer.alloc(8);
  writeU64(payload, Math.round(milliseconds), 0);
  return payload;
}

function flagsOf(request: ExecRequest): number {
  return (request.stdin ? ExecFlag.stdinPipe : 0) | (request.terminal === undefined ? 0 : ExecFlag.terminal) | (request.dropBeyondLimit ? ExecFlag.dropBeyondLimit : 0);
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}

/** Zero means "none" to init, so a limit of less than a millisecond must not become one. */
function clampU32(value: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.ceil(value)));
}
