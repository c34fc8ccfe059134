import { GloveboxError } from './errors.ts';

/** Deeper than anything we write ourselves; a model's input may be built to exhaust the stack. */
const MAX_DEPTH = 512;
/** Nothing in it is written in another way in JSON. */
const PLAIN_NAME = /^[\w.:-]*$/;

/**
 * JSON in its one canonical form (RFC 8785): keys sorted by UTF-16 code unit, no spaces, members that are `undefined` left out.
 * What two equal values are hashed by. Errors: `internal` for what JSON cannot carry.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw unwritable(`the number ${value}`);
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writeObject(value, depth);
    default:
      throw unwritable(`a ${typeof value}`);
  }
}

function writeObject(value: object, depth: number): string {
  if (depth === MAX_DEPTH) throw unwritable(`nesting deeper than ${MAX_DEPTH}`);
  return Array.isArray(value) ? writeList(value, depth) : writeMembers(value, depth);
}

function writeList(list: readonly unknown[], depth: number): string {
  let items = '';
  for (let i = 0; i < list.length; i++) items += `${i === 0 ? '' : ','}${list[i] === undefined ? 'null' : write(list[i], depth + 1)}`;
  return `[${items}]`;
}

/** Each event comes by here: keys are mostly sorted already, and plain. */
function writeMembers(value: object, depth: number): string {
  const keys = Object.keys(value);
  if (!isSorted(keys)) keys.sort();
  let members = '';
  for (const key of keys) {
    // Any object can be read by its own keys; what is there is checked by `write`.
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${PLAIN_NAME.test(key) ? `"${key}"` : JSON.stringify(key)}:${write(member, depth + 1)}`;
  }
  return `{${members}}`;
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] ?? '') > (keys[i] ?? '')) return false;
  return true;
}

function unwritable(what: string): GloveboxError {
  return new GloveboxError('internal', `cannot be written as JSON: ${what}`);
}
