import { type Command, InvalidArgumentError } from 'commander';
import { bytes, duration, VARIABLE_VALUE, type Variables } from '../contracts/index.ts';

/** `90s`, `2m`: milliseconds. */
export function durationOption(text: string): number {
  const parsed = duration.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('Expected a duration such as 90s, 2m or 1h.');
}

/** `512MiB`, `16GB`: bytes, more than none. */
export function sizeOption(text: string): number {
  const parsed = bytes.safeParse(text);
  if (parsed.success && parsed.data > 0) return parsed.data;
  throw new InvalidArgumentError('Expected a size such as 512MiB or 16GiB.');
}

/** `12h`, `7d`: so long ago; or a date, such as 2026-01-02 or 2026-01-02T03:04:05Z. Milliseconds since the epoch. */
export function momentOption(text: string): number {
  const ago = duration.safeParse(text);
  if (ago.success) return Date.now() - ago.data;
  const moment = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw new InvalidArgumentError('Expected a duration such as 12h or 7d, or a date such as 2026-01-02 or 2026-01-02T03:04:05Z.');
}

/** `2026-11`. */
export function monthOption(text: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
  throw new InvalidArgumentError('Expected a month such as 2026-11.');
}

/** `owner=acme`, again and again. */
export function variableOption(text: string, before: Variables = {}): Variables {
  const at = text.indexOf('=');
  const [name, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (/^[a-z_]+$/.test(name) && VARIABLE_VALUE.test(value)) return { ...before, [name]: value };
  throw new InvalidArgumentError('Expected name=value such as owner=acme: letters, digits, dots, dashes and underscores, and not only dots.');
}

/** `10m`: so long from now; or a date. Milliseconds since the epoch. */
export function futureOption(text: string): number {
  const ahead = duration.safeParse(text);
  return ahead.success ? Date.now() + ahead.data : momentOption(text);
}

export function integerOption(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value)) return value;
  throw new InvalidArgumentError('Expected a whole number.');
}

/** A number above zero. */
export function positiveOption(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}

export function countOption(text: string): number {
  const value = positiveOption(text);
  if (Number.isInteger(value)) return value;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}

/** A whole number from 0 up. */
export function stepOption(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 0 up.');
}

/** Where the patch of a run goes. */
export function deliveryOptions(command: Command): Command {
  return command
    .option('--apply', 'write the patch into the working tree')
    .option('--branch <name>', 'put the patch as a commit on a new branch')
    .option('--push <name>', 'push the patch as a new branch to where the repository is at home')
    .option('--patch <file>', 'write the patch to a file')
    .option('--json', 'one JSON object on stdout');
}
