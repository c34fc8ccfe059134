import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Glob } from '../../../src/policy/glob.ts';

describe('a glob', () => {
  test.each([
    ['/a/**', '/a', true],
    ['/a/**', '/a/b/c', true],
    ['/a/**', '/ab', false],
    ['/**', '/', true],
    ['/**', '/a', true],
    ['**', 'a/b', true],
    ['**/x', 'x', true],
    ['**/x', 'a/b/x', true],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['a/**/z', 'a/b/zz', false],
    ['**/a/**/b', 'x/a/a/x/b', true],
    ['*', 'a/b', false],
    ['/*', '/', false],
    ['*', '.hidden', true],
    ['*.ts', 'a.ts', true],
    ['*.ts', '.ts', true],
    ['a*b*c', 'aXbYbc', true],
    ['a**b', 'a/b', false],
    ['?', '😀', true],
    ['??', '😀', false],
    ['?', '/', false],
    ['{a,b/c}', 'b/c', true],
    ['{a,b}{1,2}', 'b2', true],
    ['{a,{b,c}}', 'c', true],
    ['{,a}b', 'b', true],
    ['A', 'a', false],
    ['[ab]', '[ab]', true],
    ['[ab]', 'a', false],
    ['a.b', 'axb', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['\\{a,b\\}', '{a,b}', true],
    ['a\n*', 'a\nb', true],
  ])('%j matches %j: %s', (pattern, path, expected) => {
    expect(new Glob(pattern).matches(path)).toBe(expected);
  });

  test.each([
    ['openai:*', 'openai:vendor/model', true],
    ['*', 'a/b', true],
    ['a/*', 'a/b/c', true],
    ['a/*', 'a', false],
  ])('for names %j matches %j: %s', (pattern, name, expected) => {
    expect(new Glob(pattern, 'name').matches(name)).toBe(expected);
  });

  test.each([
    ['/a/b/**', '/a', true],
    ['/a/b/**', '/a/b', false],
    ['/a/*/c', '/a', false],
    ['/a/b', '/a/b', false],
    ['/a/b', '/', true],
    ['/ab/c', '/a', false],
    ['/a/{x,b/c}', '/a/b', true],
  ])('%j names something inside %j: %s', (pattern, folder, expected) => {
    expect(new Glob(pattern).reachesInto(folder)).toBe(expected);
  });

  test.each([
    ['{a', 'a closing } for each {'],
    ['{a,b,c,d,e,f,g,h}{a,b,c,d,e,f,g,h}{a,b}', 'a pattern that stands for at most 64 others'],
    ['{a,b}'.repeat(200), 'a pattern that stands for at most 64 others'],
    ['x'.repeat(1025), 'a pattern of at most 1024 characters'],
  ])('refuses %j', (pattern, why) => {
    expect(() => new Glob(pattern)).toThrow(why);
  });

  test('agrees with a plain definition of it', () => {
    const part = fc.constantFrom('a', 'b', '*', '?', '**', 'a*', '*b', '');
    const segments = fc.array(part, { minLength: 1, maxLength: 5 });
    const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', 'aab', ''), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(segments, path, (pattern, names) => {
        fc.pre(pattern.join('/') !== '/' && names.join('/') !== '/');
        expect(new Glob(pattern.join('/')).matches(names.join('/'))).toBe(plainly(pattern, names));
      }),
      { numRuns: 5_000 },
    );
  });

  test('takes no time that a hostile path could choose', () => {
    const started = performance.now();
    expect(new Glob('*a'.repeat(100) + 'b').matches('a'.repeat(4_096))).toBe(false);
    expect(new Glob(`${'**/a/'.repeat(100)}b`).matches('a/'.repeat(2_048))).toBe(false);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('matches itself when every character is escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (text) => {
        const escaped = text.replaceAll(/[\\*?{},]/g, '\\$&');
        expect(new Glob(escaped, 'name').matches(text)).toBe(true);
        expect(new Glob(escaped, 'name').matches(`${text}x`)).toBe(false);
      }),
    );
  });
});

function plainly(pattern: readonly string[], names: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return names.length === 0;
  if (first === '**') return Array.from({ length: names.length + 1 }, (_, i) => names.slice(i)).some((left) => plainly(rest, left));
  const [name, ...others] = names;
  return name !== undefined && plainText(first, name) && plainly(rest, others);
}

function plainText(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) return plainText(pattern.slice(1), text) || (text !== '' && plainText(pattern, text.slice(1)));
  return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && plainText(pattern.slice(1), text.slice(1));
}
