/** The numbers of docs/wire.md, version 1. Both ends know them; `test/vectors/wire.txt` keeps them honest. */

export const WIRE_VERSION = 1;
export const PREAMBLE_MAGIC = 'GLOVEBOX-WIRE/1\n';
/** `GBX1`, read as little-endian. */
export const FRAME_MAGIC = 0x3158_4247;

export const KEY_BYTES = 32;
export const HEADER_BYTES = 32;
export const MAC_BYTES = 16;
/** Where the header's fields lie in a frame. */
export const At = { magic: 0, length: 4, typeAndFlags: 8, stream: 12, epoch: 16, zero: 20, sequence: 24 } as const;
export const NONCE_BYTES = 16;
export const MAX_PAYLOAD_BYTES = 262_144;
export const MAX_CHUNK_BYTES = 65_536;
/** What stands before the bytes of a `STDIN`. */
export const STDIN_HEAD_BYTES = 8;
/** Of a `STDIN`, where init takes long ones. The frame is 256 KiB then, header and all: engines hand on 32 KiB at a time, and pipes are made of pages. */
export const MAX_STDIN_BYTES = 262_144 - HEADER_BYTES - STDIN_HEAD_BYTES - MAC_BYTES;
export const MAX_CONFIGURATION_BYTES = 4096;
/** What stands before the bytes of an `OUTPUT`. */
export const OUTPUT_HEAD_BYTES = 16;
export const HELLO_PAYLOAD_BYTES = 64;
export const HELLO_BYTES = HEADER_BYTES + HELLO_PAYLOAD_BYTES + MAC_BYTES;
/** Bytes of stdin that may be under way beyond the last `STDIN_ACK`. */
export const STDIN_WINDOW_BYTES = 1_048_576;
/** Bytes of a channel that init keeps until they are acknowledged; what `EXEC` asks for. It is memory of the sandbox, so it is no more than a quick reader needs. */
export const OUTPUT_WINDOW_BYTES = 262_144;
/** The same for file operations, which are few, short, and all about throughput: half as fast again with this. */
export const FILE_WINDOW_BYTES = 1_048_576;
export const MAX_COMMANDS = 256;
/** Connections that programs of a sandbox may have under way at once. */
export const MAX_CONNECTIONS = 256;
/** What stands before the name in an `OPEN`. */
export const OPEN_HEAD_BYTES = 8;
/** Of a DNS name, as text. */
export const MAX_NAME_BYTES = 253;

/** Host to init. */
export const ToGuest = {
  attach: 0x01,
  ping: 0x02,
  exec: 0x03,
  stdin: 0x04,
  ack: 0x05,
  signal: 0x06,
  cancel: 0x07,
  done: 0x08,
  shutdown: 0x09,
  resume: 0x0a,
  resize: 0x0b,
  slept: 0x0c,
  data: 0x21,
  credit: 0x22,
  close: 0x23,
} as const;
export type ToGuest = (typeof ToGuest)[keyof typeof ToGuest];

/** Init to host. */
export const FromGuest = {
  hello: 0x81,
  pong: 0x82,
  command: 0x83,
  ready: 0x84,
  started: 0x85,
  output: 0x86,
  stdinAck: 0x87,
  end: 0x88,
  fault: 0x89,
  open: 0xa0,
  data: 0xa1,
  credit: 0xa2,
  close: 0xa3,
} as const;

/** Flag of `STDIN` and `DATA`: the stream ends after it. Of `STDIN_ACK`: the command closed its stdin. */
export const LAST_FLAG = 1;

/** What init says of itself and of the place it runs in: bits of `HELLO`. */
export const Feature = {
  subReaper: 1,
  proc: 2,
  memoryEvents: 4,
  pidsEvents: 8,
  seccomp: 16,
  notDumpable: 32,
  openat2: 64,
  noNewPrivileges: 128,
  cgroup2: 256,
  /** It listens where the configuration says. */
  network: 512,
  /** It takes a `STDIN` of more than a chunk. */
  longStdin: 1024,
} as const;

/** Tags of the preamble's configuration. */
export const ConfigurationTag = { graceMs: 1, maxCommands: 2, writable: 3, ports: 4 } as const;

/** Tags of `EXEC`. */
export const ExecTag = {
  id: 1,
  argument: 2,
  environment: 3,
  workingDirectory: 4,
  wallMs: 5,
  cpuMs: 6,
  outputBytes: 7,
  flags: 8,
  windowBytes: 9,
  graceMs: 10,
  openFiles: 11,
  processes: 13,
  builtin: 14,
  size: 15,
} as const;

/** How a program came to its connection, in `OPEN`. */
export const Via = { name: 1, proxy: 2 } as const;

/** Bits of `EXEC`'s flags. */
export const ExecFlag = { stdinPipe: 1, terminal: 4, dropBeyondLimit: 8 } as const;

/** File operations that are built into init. */
export const Builtin = {
  read: 1,
  write: 2,
  list: 3,
  stat: 4,
  pack: 5,
  unpack: 6,
  remove: 7,
  mkdir: 8,
  rename: 9,
  resolve: 10,
  watch: 11,
} as const;
export type Builtin = (typeof Builtin)[keyof typeof Builtin];
