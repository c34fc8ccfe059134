import { violation } from './violation.ts';

const FIELD_HEADER_BYTES = 6;

/** Puts tagged fields together: `u16 tag, u32 length, bytes`, little-endian. */
export class FieldWriter {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#bytes;
  }

  text(tag: number, value: string): this {
    const length = Buffer.byteLength(value);
    const field = this.#field(tag, length);
    field.write(value, FIELD_HEADER_BYTES, length, 'utf8');
    return this;
  }

  u16s(tag: number, values: readonly number[]): this {
    const field = this.#field(tag, 2 * values.length);
    for (const [i, value] of values.entries()) field.writeUInt16LE(value, FIELD_HEADER_BYTES + 2 * i);
    return this;
  }

  u32(tag: number, value: number): this {
    this.#field(tag, 4).writeUInt32LE(value, FIELD_HEADER_BYTES);
    return this;
  }

  u64(tag: number, value: number): this {
    writeU64(this.#field(tag, 8), value, FIELD_HEADER_BYTES);
    return this;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#parts, this.#bytes);
  }

  #field(tag: number, length: number): Buffer {
    const field = Buffer.allocUnsafe(FIELD_HEADER_BYTES + length);
    field.writeUInt16LE(tag, 0);
    field.writeUInt32LE(length, 2);
    this.#parts.push(field);
    this.#bytes += field.length;
    return field;
  }
}

/** What a reader may find under a tag. */
type FieldType = 'u32' | 'u64' | 'text';
export type FieldShape = Readonly<Record<number, FieldType>>;

/** The tagged fields of one payload, each at most once and of the promised type. */
export class Fields {
  readonly #values: ReadonlyMap<number, number | string>;

  private constructor(values: ReadonlyMap<number, number | string>) {
    this.#values = values;
  }

  /** Errors: `wire_violation` for a cut, repeated, unknown or wrongly sized field. */
  static parse(payload: Buffer, shape: FieldShape): Fields {
    const values = new Map<number, number | string>();
    for (let at = 0; at < payload.length; ) {
      if (payload.length - at < FIELD_HEADER_BYTES) throw violation('payload', 'a tagged field is cut off');
      const tag = payload.readUInt16LE(at);
      const length = payload.readUInt32LE(at + 2);
      const start = at + FIELD_HEADER_BYTES;
      if (length > payload.length - start) throw violation('payload', `field ${tag} is longer than its frame`);
      const type = shape[tag];
      if (type === undefined) throw violation('payload', `unknown field ${tag}`);
      if (values.has(tag)) throw violation('payload', `field ${tag} comes twice`);
      values.set(tag, readValue(payload.subarray(start, start + length), tag, type));
      at = start + length;
    }
    return new Fields(values);
  }

  number(tag: number): number | undefined {
    const value = this.#values.get(tag);
    return typeof value === 'number' ? value : undefined;
  }

  text(tag: number): string | undefined {
    const value = this.#values.get(tag);
    return typeof value === 'string' ? value : undefined;
  }

  /** Errors: `wire_violation` when it is not there. */
  requireNumber(tag: number): number {
    const value = this.number(tag);
    if (value === undefined) throw violation('payload', `field ${tag} is missing`);
    return value;
  }

  /** Errors: `wire_violation` when it is not there. */
  requireText(tag: number): string {
    const value = this.text(tag);
    if (value === undefined) throw violation('payload', `field ${tag} is missing`);
    return value;
  }
}

function readValue(bytes: Buffer, tag: number, type: FieldType): number | string {
  switch (type) {
    case 'u32':
      if (bytes.length !== 4) throw violation('payload', `field ${tag} is not four bytes`);
      return bytes.readUInt32LE(0);
    case 'u64':
      if (bytes.length !== 8) throw violation('payload', `field ${tag} is not eight bytes`);
      return readU64(bytes, 0);
    case 'text':
      return bytes.toString('utf8');
  }
}

/** Numbers on the wire that a number of JavaScript cannot hold are no honest offsets. Errors: `wire_violation`. */
export function readU64(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32LE(at + 4);
  if (high > 0x1f_ffff) throw violation('payload', 'a number beyond 2^53');
  return high * 0x1_0000_0000 + bytes.readUInt32LE(at);
}

/** Whether the number stands there; unlike reading it, this has an answer for every number. */
export function isU64(bytes: Buffer, at: number, value: number): boolean {
  return bytes.readUInt32LE(at) === value % 0x1_0000_0000 && bytes.readUInt32LE(at + 4) === Math.floor(value / 0x1_0000_0000);
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}
