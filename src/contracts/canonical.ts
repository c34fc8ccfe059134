import { GloveboxError } from './errors.ts';

/** Deeper than anything we write ourselves; a model's input may be built to exhaust the stack. */
const MAX_DEPTH = 512;

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
      return JSON.stringify(value);
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
  if (Array.isArray(value)) {
    return `[${value.map((item: unknown) => (item === undefined ? 'null' : write(item, depth + 1))).join(',')}]`;
  }
  let members = '';
  for (const key of Object.keys(value).sort()) {
    // Any object can be read by its own keys; what is there is checked by `write`.
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${write(member, depth + 1)}`;
  }
  return `{${members}}`;
}

function unwritable(what: string): GloveboxError {
  return new GloveboxError('internal', `cannot be written as JSON: ${what}`);
}
