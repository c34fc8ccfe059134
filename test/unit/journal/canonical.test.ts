import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/contracts/index.ts';

describe('canonical JSON', () => {
  test('sorts keys by UTF-16 code unit and leaves out what is undefined', () => {
    expect(canonicalJson({ b: 1, a: [true, null, undefined, { d: undefined, c: 'x' }], é: 0.1, '😀': -0, '\uff61': 1e21 })).toBe(
      '{"a":[true,null,null,{"c":"x"}],"b":1,"é":0.1,"😀":0,"｡":1e+21}',
    );
  });

  test('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of keys, and is its own canonical form', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      }),
    );
  });

  test.each([
    ['a bigint', 1n],
    ['a symbol', Symbol('x')],
    ['a function', () => 1],
    ['the number NaN', Number.NaN],
    ['the number Infinity', Number.POSITIVE_INFINITY],
  ])('refuses %s', (what, value) => {
    expect(() => canonicalJson({ value })).toThrow(`cannot be written as JSON: ${what}`);
  });

  test('refuses nesting that would exhaust the stack', () => {
    const deep: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
    expect(() => canonicalJson(deep)).toThrow('nesting deeper than 512');
  });
});
