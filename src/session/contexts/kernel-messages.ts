import { z } from 'zod';
import { describeError } from '../../contracts/index.ts';
import { KernelViolation } from './kernel-stream.ts';

const MAX_CELLS = 1000;
const call = z.int().positive();
const media = z.string().min(1).max(200);
const names = z.array(z.string()).max(MAX_CELLS);
const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const table = z.strictObject({
  columns: names,
  index: names,
  rows: z.array(z.array(cell).max(MAX_CELLS)).max(MAX_CELLS),
  totalRows: z.int().nonnegative(),
  totalColumns: z.int().nonnegative(),
});
const display = { data: z.record(media, z.string()), omitted: z.array(media).max(100).optional(), table: table.optional() };

const message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), version: z.string().max(100) }),
  /** An interrupt reached the code. */
  z.strictObject({ type: z.literal('heard') }),
  z.strictObject({ type: z.literal('display'), ...display }),
  z.strictObject({ type: z.literal('result'), ...display }),
  z.strictObject({ type: z.literal('error'), name: z.string(), message: z.string(), traceback: z.string() }),
  z.strictObject({ type: z.literal('end'), call, status: z.enum(['ok', 'error']) }),
]);
/** What a kernel says on stdout. */
export type KernelMessage = z.output<typeof message>;

const end = z.strictObject({ end: call });

/** Errors: `KernelViolation`. */
export function readMessage(text: string): KernelMessage {
  return read(message, text);
}

/** The number of the call that has ended, as it is said on stderr. Errors: `KernelViolation`. */
export function readEnd(text: string): number {
  return read(end, text).end;
}

function read<T>(shape: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new KernelViolation(`a message that is no JSON (${describeError(error).slice(0, 100)})`);
  }
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new KernelViolation(`a message that is none: ${issue?.path.join('.') ?? ''} ${issue?.message.slice(0, 100) ?? ''}`);
}
