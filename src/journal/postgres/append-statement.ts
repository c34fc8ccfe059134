import type { StoredEvent } from '../event-chain.ts';

/** What a batch adds to one stream: at least one event. */
export interface Growth {
  readonly stream: string;
  /** What the stream has to end with. */
  readonly after: { readonly seq: number; readonly hash: string };
  readonly events: readonly StoredEvent[];
  readonly tenant: string;
  fence: number | undefined;
}

/** A statement that the server parses and plans once a connection. */
interface Prepared {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/**
 * A commit waits for the disk or does not; an operator's `remote_apply` and the like stay. It holds for this transaction alone.
 * `$1`: whether it is to wait.
 */
export const DURABILITY = `set_config('synchronous_commit',
  CASE WHEN NOT $1::boolean THEN 'off' WHEN current_setting('synchronous_commit') = 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`;

/** Writes something to the log, so that a commit that waits has something to wait for. */
export const BARRIER = `SELECT ${DURABILITY}, pg_logical_emit_message(true, 'glovebox', '')`;

const HEAD_TYPES = { stream: 'text', after_seq: 'bigint', after_hash: 'text', seq: 'bigint', hash: 'text', first_ms: 'bigint', last_ms: 'bigint', tenant: 'text', fence: 'bigint' } as const;
const EVENT_TYPES = { stream: 'text', seq: 'bigint', time_ms: 'bigint', type: 'text', version: 'integer', data: 'text', previous: 'text', hash: 'text' } as const;
const MOVE_WIDTH = 6;
const HEAD_WIDTH = Object.keys(HEAD_TYPES).length;
const EVENT_COLUMNS = Object.keys(EVENT_TYPES).join(', ');
const EVENT_WIDTH = Object.keys(EVENT_TYPES).length;
/** Stands between texts: neither JSON nor a name holds a control character. */
const BETWEEN = '\u001f';
/** A batch like most has one stream and so few events: the server is done with its own statement in half the time. */
const FEW = 4;

/**
 * The statements that append a whole batch in one round trip, and with its own commit. A stream that does not end any more as expected, or is held by a higher fence, is left as it is,
 * and not among the rows that come back.
 */
export class AppendStatements {
  readonly #schema: string;
  /** For one stream: with one event, with two, and so on. One that has no events yet is begun, any other is moved on, which costs the server less. */
  readonly #begin: readonly string[];
  readonly #moveOn: readonly string[];
  readonly #many: string;

  constructor(schema: string) {
    this.#schema = schema;
    this.#begin = Array.from({ length: FEW }, (_, i) => beginning(schema, i + 1));
    this.#moveOn = Array.from({ length: FEW }, (_, i) => movingOn(schema, i + 1));
    this.#many = forMany(schema);
  }

  prepared(growths: readonly Growth[], durable: boolean): Prepared {
    const [only] = growths;
    if (only === undefined || growths.length > 1 || only.events.length > FEW) {
      return { name: `append_${this.#schema}`, text: this.#many, values: [durable, ...transposed(growths.map(headValues), HEAD_WIDTH), ...eventValues(growths.flatMap(({ events }) => events))] };
    }
    const [how, texts, head] = only.after.seq === 0 ? ['begin', this.#begin, headValues(only)] : ['move', this.#moveOn, moveValues(only)];
    return { name: `append_${this.#schema}_${how}_${only.events.length}`, text: texts[only.events.length - 1] ?? '', values: [durable, ...head, ...only.events.flatMap(columnsOf)] };
  }
}

const TAKE_OVER = 'SET seq = excluded.seq, hash = excluded.hash, last_ms = excluded.last_ms, fence = greatest(head.fence, excluded.fence)';

/** Where somebody else has begun it, or left the head of one without events, it is taken as it was left. */
function beginning(schema: string, events: number): string {
  return forOne(schema, events, 2 + HEAD_WIDTH, `
  INSERT INTO ${schema}.heads AS head (stream, seq, hash, first_ms, last_ms, tenant, fence)
  SELECT $2::text, $5::bigint, $6::text, $7::bigint, $8::bigint, $9::text, coalesce($10::bigint, 0) FROM durability WHERE $3::bigint = 0
  ON CONFLICT (stream) DO UPDATE ${TAKE_OVER} WHERE head.hash = $4::text AND ($10 IS NULL OR $10 >= head.fence)
  RETURNING stream`);
}

/** The values are those of `moveValues`. */
function movingOn(schema: string, events: number): string {
  return forOne(schema, events, 2 + MOVE_WIDTH, `
  UPDATE ${schema}.heads AS head SET seq = $4::bigint, hash = $5::text, last_ms = $6::bigint, fence = greatest(head.fence, $7::bigint) FROM durability
  WHERE head.stream = $2::text AND head.hash = $3::text AND ($7::bigint IS NULL OR $7 >= head.fence)
  RETURNING stream`);
}

/** `first`: the number of the first value of the events. */
function forOne(schema: string, events: number, first: number, moved: string): string {
  return `
WITH durability AS MATERIALIZED (SELECT ${DURABILITY}),
moved AS (${moved}),
written AS (
  INSERT INTO ${schema}.events (${EVENT_COLUMNS})
  SELECT e.* FROM moved, (${listed(EVENT_TYPES, first, events)}) AS e)
SELECT stream FROM moved`;
}

/** Heads are locked in the order of their names, so that two processes never wait for each other. */
function forMany(schema: string): string {
  return `
WITH durability AS MATERIALIZED (SELECT ${DURABILITY}),
given (${Object.keys(HEAD_TYPES).join(', ')}) AS MATERIALIZED (${unnested(HEAD_TYPES, 2)}),
moved AS (
  INSERT INTO ${schema}.heads AS head (stream, seq, hash, first_ms, last_ms, tenant, fence)
  SELECT g.stream, g.seq, g.hash, g.first_ms, g.last_ms, g.tenant, coalesce(g.fence, 0) FROM given g, durability
    WHERE g.after_seq = 0 OR EXISTS (SELECT FROM ${schema}.heads known WHERE known.stream = g.stream)
    ORDER BY g.stream COLLATE "C"
  ON CONFLICT (stream) DO UPDATE ${TAKE_OVER}
    WHERE EXISTS (SELECT FROM given g WHERE g.stream = head.stream AND g.after_hash = head.hash AND (g.fence IS NULL OR g.fence >= head.fence))
  RETURNING stream),
written AS (
  INSERT INTO ${schema}.events (${EVENT_COLUMNS})
  SELECT * FROM (${unnestedEvents(2 + HEAD_WIDTH)}) AS e (${EVENT_COLUMNS}) WHERE e.stream IN (SELECT stream FROM moved))
SELECT stream FROM moved`;
}

/** The values are those of `eventValues`. */
export function insertEvents(schema: string): string {
  return `INSERT INTO ${schema}.events (${EVENT_COLUMNS}) ${unnestedEvents(1)}`;
}

/** One value for each column, in the order of the table: numbers as an array, texts put together, which costs a third of what their quoting in an array would. */
export function eventValues(events: readonly StoredEvent[]): unknown[] {
  return transposed(events.map(columnsOf), EVENT_WIDTH).map((column) => (typeof column[0] === 'string' ? column.join(BETWEEN) : column));
}

function unnested(types: Readonly<Record<string, string>>, first: number): string {
  return `SELECT * FROM unnest(${Object.values(types).map((type, i) => `$${first + i}::${type}[]`).join(', ')})`;
}

/** The values are those of `eventValues`. */
function unnestedEvents(first: number): string {
  return `SELECT * FROM unnest(${Object.values(EVENT_TYPES).map((type, i) => (type === 'text' ? `string_to_array($${first + i}::text, chr(${BETWEEN.charCodeAt(0)}))` : `$${first + i}::${type}[]`)).join(', ')})`;
}

function listed(types: Readonly<Record<string, string>>, first: number, rows: number): string {
  const row = (at: number): string => `(${Object.values(types).map((type, i) => `$${at + i}::${type}`).join(', ')})`;
  const width = Object.keys(types).length;
  return `VALUES ${Array.from({ length: rows }, (_, i) => row(first + i * width)).join(', ')}`;
}

function headValues({ stream, after, events, tenant, fence }: Growth): unknown[] {
  const last = events.at(-1);
  return [stream, after.seq, after.hash, last?.seq, last?.hash, events[0]?.timeMs, last?.timeMs, tenant, fence];
}

function moveValues({ stream, after, events, fence }: Growth): unknown[] {
  const last = events.at(-1);
  return [stream, after.hash, last?.seq, last?.hash, last?.timeMs, fence];
}

function columnsOf({ stream, seq, timeMs, type, version, data, previous, hash }: StoredEvent): unknown[] {
  return [stream, seq, timeMs, type, version, data, previous, hash];
}

function transposed(rows: readonly (readonly unknown[])[], width: number): unknown[][] {
  return Array.from({ length: width }, (_, column) => rows.map((row) => row[column] ?? null));
}
