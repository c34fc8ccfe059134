import fc from 'fast-check';
import type { Operation, Schema } from './api-document.ts';

/** What has broken services before. */
const HOSTILE_TEXTS = [
  '', ' ', '\0', '../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '/etc/shadow', '//evil.test/x', 'file:///etc/passwd', '%00', '%', '%zz', '\r\nx-injected: 1', '\u001B[31mred\u0007', '__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN',
  "' OR 1=1 --", '${7*7}', '{{7*7}}', '; rm -rf /', '\uD800', '\uFEFF', '\u202Eabc', 'ﷺ'.repeat(200), '🙈'.repeat(300), 'a'.repeat(70_000), '9'.repeat(400), '-1', '0', '1e309', '9007199254740993', 'true', '[]', '{}', '*', '\\..\\..\\x', 'sha256:0', 'sbx_', 'run_00000000000000000000000000', 'cmd_00000000000000000000000000',
];
const HOSTILE_VALUES: readonly unknown[] = [...HOSTILE_TEXTS, null, true, false, 0, -1, 1.5, Number.MAX_SAFE_INTEGER, -Number.MAX_VALUE, [], {}, [[]], { length: -1 }, { toString: 'x' }, JSON.parse('{"__proto__":{"admin":true}}') as unknown, Array.from({ length: 2000 }, () => 0), nested(90)];

const MOST_ITEMS = 4;
const MOST_CHARS = 40;
const MOST_IN_ADDRESS = 400;

const hostileText = fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: 'binary', maxLength: MOST_CHARS }));
const hostileValue = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), fc.jsonValue({ maxDepth: 3 }));

/** Values that fit a schema. Numbers stay small: what waits or costs by them shall not wait or cost. */
export function fitting(schema: Schema, schemas: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const { $ref, oneOf, anyOf } = schema;
  if ($ref !== undefined) return fitting(schemas[$ref.split('/').at(-1) ?? ''] ?? {}, schemas);
  const alternatives = oneOf ?? anyOf;
  if (alternatives !== undefined) return fc.oneof(...alternatives.map((each) => fitting(each, schemas)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number': {
      const min = Math.max(schema.minimum ?? (schema.exclusiveMinimum ?? -1) + 1, 0);
      return fc.integer({ min, max: Math.max(min, Math.min(schema.maximum ?? 50, min + 50)) });
    }
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return listOf(schema, schemas);
    case 'object':
      return objectOf(schema, schemas);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function textOf({ pattern, minLength = 0, maxLength = Infinity }: Schema): fc.Arbitrary<string> {
  if (pattern !== undefined && !pattern.includes('\\0')) return fc.stringMatching(new RegExp(pattern, 'u'), { maxLength: 100 }).map((text) => text.slice(0, maxLength));
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, MOST_CHARS)) });
}

function listOf({ items, prefixItems = [], minItems = 0, maxItems = MOST_ITEMS }: Schema, schemas: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const first = fc.tuple(...prefixItems.map((each) => fitting(each, schemas)));
  const rest = items === undefined ? fc.constant([]) : fc.array(fitting(items, schemas), { minLength: Math.max(0, minItems - prefixItems.length), maxLength: Math.min(maxItems, Math.max(minItems, MOST_ITEMS)) });
  return fc.tuple(first, rest).map(([one, more]) => [...one, ...more]);
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, schemas: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, fitting(each, schemas)]));
  const known = fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
  if (typeof additionalProperties !== 'object') return known;
  return fc.tuple(known, fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fitting(additionalProperties, schemas), { maxKeys: 3 })).map(([some, more]) => ({ ...more, ...some }));
}

/** The same with one part of it turned into something else, left out, or added. */
function spoilt(value: unknown, [choices, hostile]: readonly [readonly number[], unknown]): unknown {
  const [choice = 0, ...more] = choices;
  if (typeof value !== 'object' || value === null || more.length === 0) return hostile;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  const names = Object.keys(copy);
  const name = names.length === 0 || choice % 5 === 0 ? 'added' : (names[choice % names.length] ?? 'added');
  if (choice % 7 === 0) delete (copy as Record<string, unknown>)[name];
  else (copy as Record<string, unknown>)[name] = spoilt((copy as Record<string, unknown>)[name], [more, hostile]);
  return copy;
}

/** One request as it is sent. */
export interface FuzzedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Requests of one operation, from what fits to what nobody would send. `real` knows things that are there. */
export function requestsOf(operation: Operation, schemas: Readonly<Record<string, Schema>>, real: (name: string) => string): fc.Arbitrary<FuzzedRequest> {
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const path = fc.record(Object.fromEntries(names.map((name) => [name, fc.oneof({ weight: 4, arbitrary: fc.constant(real(name)) }, { weight: 1, arbitrary: hostileText })])));
  const query = fc.record(Object.fromEntries(operation.query.map(({ name, schema }) => [name, fc.oneof({ weight: 4, arbitrary: fitting(schema, schemas).map(String) }, { weight: 1, arbitrary: hostileText })])), { requiredKeys: operation.query.filter(({ required }) => required).map(({ name }) => name) });
  const headers = fc.record({ 'content-type': fc.constantFrom('application/json', 'text/plain', 'application/x-tar', 'nonsense', 'application/json; charset=x'), 'idempotency-key': hostileText.map(printable), 'last-event-id': hostileText.map(printable), accept: fc.constantFrom('*/*', 'text/event-stream', 'x') }, { requiredKeys: [] });
  const odd = fc.record({ headers: fc.option(headers, { freq: 4, nil: {} }), query: fc.option(fc.dictionary(hostileText, hostileText, { maxKeys: 2 }), { freq: 8, nil: {} }) });
  return fc.record({ path, query, odd, body: bodyOf(operation, schemas) }).map(({ path: values, query: asked, odd: more, body }) => {
    const target = operation.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encoded(values[name] ?? ''));
    const search = Object.entries({ ...asked, ...more.query }).map(([name, value]) => `${encoded(name)}=${encoded(String(value))}`);
    const type = operation.body === undefined || body === undefined ? {} : { 'content-type': operation.body.mediaType };
    return { method: operation.method, target: `${target}${search.length === 0 ? '' : `?${search.join('&')}`}`, headers: { ...type, ...more.headers }, body };
  });
}

function bodyOf({ body, method }: Operation, schemas: Readonly<Record<string, Schema>>): fc.Arbitrary<string | undefined> {
  if (method === 'GET') return fc.constant(undefined);
  const raw = fc.oneof(fc.constantFrom('', '{', '[', '"', '{"a":', 'nul', '\0', '\uFEFF{}', '{"__proto__":{}}', '['.repeat(50_000), '{"a":'.repeat(5000)), fc.string({ unit: 'binary' }));
  const fit = body === undefined ? fc.constant({}) : fitting(body.schema, schemas);
  const spoil = fc.tuple(fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }), hostileValue);
  return fc.oneof({ weight: 5, arbitrary: fit.map(text) }, { weight: 4, arbitrary: fc.tuple(fit, spoil).map(([value, how]) => text(spoilt(value, how))) }, { weight: 2, arbitrary: raw }, { weight: 1, arbitrary: fc.constant(undefined) });
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? '';
}

/** As it goes into an address, short enough for all of it to be read. */
function encoded(value: string): string {
  return encodeURIComponent(value.slice(0, MOST_IN_ADDRESS).toWellFormed());
}

/** As it may stand in a header. */
function printable(value: string): string {
  return value.replaceAll(/[^\x20-\x7E]/g, '?').slice(0, 400).trim();
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { a: value };
  return value;
}
