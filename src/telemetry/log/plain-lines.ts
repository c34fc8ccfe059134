import { z } from 'zod';
import { LOG_LEVELS, type LogLevel } from '../../contracts/index.ts';

const record = z.looseObject({ level: z.enum(LOG_LEVELS), time: z.string(), msg: z.string() });

/** A line of JSON as a person reads it: `12:00:01 what was said  run=run_… code=deadline`. */
export function plainLine(json: string): { readonly level: LogLevel; readonly text: string } {
  const { level, time, msg, ...fields } = record.parse(JSON.parse(json));
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)}`);
  return { level, text: [time.slice(11, 19), msg, ...(rest.length === 0 ? [] : [` ${rest.join(' ')}`])].join(' ') };
}
