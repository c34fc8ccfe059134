import { expect, test } from 'vitest';
import { canBeStrict } from '../../../src/models/openai-responses/strict-schema.ts';

const text = { type: 'string' };
const closed = (properties: Record<string, unknown>, required = Object.keys(properties)) => ({ type: 'object', properties, required, additionalProperties: false });

test.each([
  ['a closed object', closed({ a: text, b: { type: 'integer', minimum: 1 } })],
  ['lists, unions and objects in it', closed({ a: { type: 'array', items: closed({ b: text }) }, c: { anyOf: [text, { type: 'null' }] } })],
  ['no properties', closed({})],
])('%s can be strict', (_, schema) => {
  expect(canBeStrict(schema)).toBe(true);
});

test.each([
  ['an optional property', closed({ a: text, b: text }, ['a'])],
  ['an open object', { type: 'object', properties: { a: text }, required: ['a'] }],
  ['an open object inside', closed({ a: { type: 'object' } })],
  ['a keyword that is not supported', closed({ a: { type: 'string', default: 'x' } })],
  ['an unknown type', closed({ a: {} })],
  ['nothing', undefined],
])('%s cannot', (_, schema) => {
  expect(canBeStrict(schema)).toBe(false);
});
