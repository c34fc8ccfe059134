import { FromGuest, HELLO_PAYLOAD_BYTES, LAST_FLAG, MAX_CHUNK_BYTES, MAX_NAME_BYTES, MAX_PAYLOAD_BYTES, OPEN_HEAD_BYTES, OUTPUT_HEAD_BYTES } from './protocol.ts';
import { violation } from './violation.ts';

interface Shape {
  readonly ofWire: boolean;
  readonly flags: number;
  readonly payload: readonly [least: number, most: number];
}

/** What init may send, by type: on the wire's own stream or on that of a command or a connection, with which flags, and how much. */
const SHAPES: ReadonlyMap<number, Shape> = new Map([
  [FromGuest.hello, { ofWire: true, flags: 0, payload: [HELLO_PAYLOAD_BYTES, HELLO_PAYLOAD_BYTES] }],
  [FromGuest.pong, { ofWire: true, flags: 0, payload: [24, 24] }],
  [FromGuest.command, { ofWire: false, flags: 0, payload: [1, MAX_PAYLOAD_BYTES] }],
  [FromGuest.ready, { ofWire: true, flags: 0, payload: [0, 0] }],
  [FromGuest.started, { ofWire: false, flags: 0, payload: [8, 8] }],
  [FromGuest.output, { ofWire: false, flags: 0, payload: [OUTPUT_HEAD_BYTES + 1, OUTPUT_HEAD_BYTES + MAX_CHUNK_BYTES] }],
  [FromGuest.stdinAck, { ofWire: false, flags: LAST_FLAG, payload: [8, 8] }],
  [FromGuest.end, { ofWire: false, flags: 0, payload: [1, MAX_PAYLOAD_BYTES] }],
  [FromGuest.fault, { ofWire: true, flags: 0, payload: [4, 204] }],
  [FromGuest.open, { ofWire: false, flags: 0, payload: [OPEN_HEAD_BYTES, OPEN_HEAD_BYTES + MAX_NAME_BYTES] }],
  [FromGuest.data, { ofWire: false, flags: LAST_FLAG, payload: [0, MAX_CHUNK_BYTES] }],
  [FromGuest.credit, { ofWire: false, flags: 0, payload: [8, 8] }],
  [FromGuest.close, { ofWire: false, flags: 0, payload: [0, 0] }],
] satisfies readonly (readonly [number, Shape])[]);

/** Errors: `wire_violation` for a frame that no init sends. Those who decode it need not look at its size again. */
export function checkShape(type: number, flags: number, stream: number, length: number): void {
  const shape = SHAPES.get(type);
  if ((flags & ~(shape?.flags ?? 0)) !== 0) throw violation('reserved', `a frame of type ${type} with flags that it does not have`);
  if (shape === undefined) throw violation('type', `a frame of the unknown type ${type}`);
  if (shape.ofWire !== (stream === 0)) throw violation('stream', `a frame of type ${type} on stream ${stream}`);
  const [least, most] = shape.payload;
  if (length < least || length > most) throw violation('payload', `a frame of type ${type} with ${length} bytes`);
}
