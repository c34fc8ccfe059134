import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DecisionRequest, Effect } from '../../../src/contracts/index.ts';
import { PolicySet } from '../../../src/policy/cedar/engine.ts';
import { globCondition } from '../../../src/policy/cedar/glob-condition.ts';
import { pattern, quote } from '../../../src/policy/cedar/text.ts';
import { Glob } from '../../../src/policy/glob.ts';
import { depthOf } from '../../../src/policy/rules/file-rules.ts';
import { policyOf, policyWithRules } from './policies.ts';

const NOTHING = { usd: 0, tokens: 0, steps: 0 };
const read = (path: string): DecisionRequest => ({ action: 'file.read', path });
const connect = (host: string): DecisionRequest => ({ action: 'network.connect', scheme: 'https', host, port: 443, method: 'GET', path: '/' });
const patch = (bytes: number): DecisionRequest => ({ action: 'export.patch', paths: ['a'], bytes });
const call = (usd: number): DecisionRequest => ({ action: 'model.call', provider: 'a', model: 'b', spent: { ...NOTHING, usd }, worstCase: NOTHING });

type Trap = readonly [what: string, policy: string, request: DecisionRequest, effect: Effect, because?: string];

const FILES = 'files: { read: ["/data/*", "/src/**/*.ts"] }';
const NETWORK = 'network: [{ host: 10.0.0.1 }, { host: api.test }, { host: "2001:db8::1" }, { host: "*.cdn.test" }]';

/** What Cedar, asked without care, would get wrong. */
const TRAPS: readonly Trap[] = [
  ['a star spans slashes', FILES, read('/data/a'), 'allow'],
  ['a star spans slashes', FILES, read('/data/a/b'), 'deny'],
  ['a star spans newlines', FILES, read('/data/a\n/etc/passwd'), 'deny'],
  ['a star spans newlines', FILES, read('/src/a\nb.ts'), 'allow'],
  ['what follows a star begins anywhere', FILES, read('/src/a.ts/b'), 'deny'],
  ['a pattern is told by its case', FILES, read('/Work/a'), 'deny'],
  ['an unpaired surrogate becomes another letter', 'files: { read: ["/a\uFFFD"] }', read('/a\uD800'), 'deny', 'not a canonical absolute path'],
  ['a quote ends a text', 'files: { read: ["/\\" || true || \\""] }', read('/etc/passwd'), 'deny'],
  ['a backslash eats a quote', "files: { read: ['/a\\\\'] }", read('/a\\'), 'allow'],
  ['a star in a text is one', "files: { read: ['/a\\**'] }", read('/ab'), 'deny'],
  ['a host has a case', NETWORK, connect('API.test'), 'deny', 'not the canonical form of a host'],
  ['a host has a dot at its end', NETWORK, connect('api.test.'), 'deny', 'not the canonical form of a host'],
  ['an address is mapped', NETWORK, connect('::ffff:10.0.0.1'), 'deny', 'not the canonical form of a host'],
  ['an address is mapped', NETWORK, connect('::ffff:a00:1'), 'deny', 'not the canonical form of a host'],
  ['an address ends in another', NETWORK, connect('::10.0.0.1'), 'deny', 'not the canonical form of a host'],
  ['an address is NAT64’s', NETWORK, connect('64:ff9b::a00:1'), 'deny', 'not the canonical form of a host'],
  ['an address is 6to4', NETWORK, connect('2002:a00:1::'), 'deny', 'not the canonical form of a host'],
  ['an address is compatible', NETWORK, connect('::a00:1'), 'deny', 'not the canonical form of a host'],
  ['an address is NAT64’s own', NETWORK, connect('64:ff9b:1::a00:1'), 'deny', 'not the canonical form of a host'],
  ['an address is Teredo’s', NETWORK, connect('2001::a00:1'), 'deny', 'not the canonical form of a host'],
  ['an address is nobody’s disguise', NETWORK, connect('::1'), 'deny', 'not in the list'],
  ['an address is written at length', NETWORK, connect('2001:db8:0:0:0:0:0:1'), 'deny', 'not the canonical form of a host'],
  ['an address is as short as it can be', NETWORK, connect('2001:db8::1'), 'allow'],
  ['a number is too big', 'export: { max_bytes: 1KiB }', patch(2 ** 53), 'deny'],
  ['a number is too big', 'export: { max_bytes: 1KiB }', patch(2 ** 63), 'deny'],
  ['a number is no number', 'export: { max_bytes: 1KiB }', patch(Number.NaN), 'deny'],
  ['a number is endless', 'export: { max_bytes: 1KiB }', patch(Number.POSITIVE_INFINITY), 'deny'],
  ['a ceiling is as big as can be', 'export: { max_bytes: 9007199254740991 }', patch(2 ** 60), 'deny'],
  ['money has a point', 'budget: { usd: 0.3 }', call(0.1 + 0.2), 'allow'],
  ['money has a point', 'budget: { usd: 0.3 }', call(0.300001), 'deny'],
  ['money is too much', 'budget: { usd: 9e15 }', call(1e300), 'deny'],
  ['money is negative', 'budget: { usd: 1 }', call(-1), 'deny'],
];

describe('where Cedar alone would be wrong', () => {
  test.each(TRAPS.map(([what, policy, request, effect, because = '']) => [what, policy, request, effect, because] as const))('%s: %s: %j is %s', async (_, policy, request, effect, because) => {
    const decision = (await policyOf(policy)).decide(request);
    expect({ effect: decision.effect, text: decision.reason.text }).toEqual({ effect, text: expect.stringContaining(because) });
  });

  test('a forbid that fails denies, and is named, although Cedar would skip it', async () => {
    const policy = await policyWithRules('// A product that can overflow.\nforbid (principal, action == Action::"export.patch", resource)\nwhen { context.bytes * 9007199254740991 > 1000 };', 'export: {}');
    expect(policy.decide(patch(0)).effect).toBe('allow');
    expect(policy.decide(patch(2 ** 40))).toMatchObject({
      effect: 'deny',
      reason: { rule: 'rules.cedar[0]', file: expect.stringMatching(/p\/rules\.cedar$/), line: 2, text: expect.stringMatching(/cannot be evaluated denies: .*overflow/) },
    });
  });

  test('a set that Cedar cannot parse, or facts that are none, deny', () => {
    const facts = { resource: 'a', context: { path: '/a', depth: 2, fits: [] } };
    const broken = new PolicySet('file.read', { a: 'permit (principal, action, resource) when { };' });
    expect(broken.ask(facts, false)).toMatchObject({ allowed: false, errors: [{ text: expect.any(String) }] });
    const open = new PolicySet('file.read', { a: 'permit (principal, action, resource);' });
    expect(open.ask(facts, false)).toEqual({ allowed: true, ids: ['a'], errors: [] });
    expect(open.ask({ ...facts, context: { depth: 1.5 } }, false)).toMatchObject({ allowed: false, errors: [{}] });
  });

  test('sets keep their answers when there are more of them than Cedar is to hold', () => {
    const padding = `// ${'x'.repeat(50_000)}\n`;
    const sets = Array.from({ length: 60 }, (_, i) => new PolicySet('file.read', { [`p${i}`]: `${padding}permit (principal, action, resource) when { context.path == "/${i}" };` }));
    for (const round of [0, 1]) {
      for (const i of sets.keys()) {
        // The last ones again: they are still there, under names of their own.
        for (let last = i; last >= Math.max(0, i - 9); last--) {
          const answers = [last, i + 1].map((n) => sets[last]?.ask({ resource: 'a', context: { path: `/${n}` } }, false).allowed);
          expect({ round, i, last, answers }).toEqual({ round, i, last, answers: [true, false] });
        }
      }
    }
  });
});

function holds(condition: string, context: Readonly<Record<string, string | number>>): boolean {
  const { allowed, errors } = new PolicySet('file.read', { a: `permit (principal, action, resource) when { ${condition} };` }).ask({ resource: 'a', context }, false);
  expect(errors).toEqual([]);
  return allowed;
}

describe('a pattern as Cedar has it', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', '*', '**', '*.ts', 'a*', '*b*', '?', '{a,b}', '{a,**}', '\\*', '.', '"', '');
  const name = fc.constantFrom('a', 'b', 'ab', 'aab', 'x.ts', '.ts', '*', '**', '.', '"', '\n', 'é', 'a.ts');

  test('is as wide as the pattern, for canonical paths', () => {
    let compiled = 0;
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.array(fc.array(name, { maxLength: 5 }), { minLength: 4, maxLength: 4 }), fc.boolean(), (segments, paths, folder) => {
        const glob = new Glob(`/${segments.join('/')}`);
        const condition = globCondition(glob, { text: 'context.path', depth: 'context.depth' });
        fc.pre(condition !== undefined);
        compiled++;
        for (const names of paths) {
          // A path of a URL may have a slash at its end.
          const path = `/${names.join('/')}${folder && names.length > 0 ? '/' : ''}`;
          expect({ path, glob: glob.text, fits: holds(condition, { path, depth: depthOf(path) }) }).toEqual({ path, glob: glob.text, fits: glob.matches(path) });
        }
      }),
      { numRuns: 1_000 },
    );
    expect(compiled).toBeGreaterThan(100);
  });

  test('is as wide as the pattern, for names', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', ':', '\\*', '"', '{a,b}', '\\\\');
    const text = fc.array(fc.constantFrom('a', 'b', '/', ':', '*', '"', '\\', '\n'), { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), fc.array(text, { minLength: 4, maxLength: 4 }), (pieces, names) => {
        const glob = new Glob(pieces.join(''), 'name');
        const condition = globCondition(glob, { text: 'context.path' });
        fc.pre(condition !== undefined);
        for (const one of names) expect({ one, glob: glob.text, fits: holds(condition, { path: one }) }).toEqual({ one, glob: glob.text, fits: glob.matches(one) });
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['/data/**', 'context.path == "/data" || context.path like "/data/*"'],
    ['/data/*/a', 'context.path like "/data/*/a" && context.depth == 4'],
    ['/**/.env', 'context.path == "/.env" || context.path like "/*/.env"'],
    ['/src/**/*.ts', 'context.path like "/src/*.ts"'],
    ['/{a,b}', 'context.path == "/a" || context.path == "/b"'],
    ['/a?', undefined],
    ['/a/*/b/**', undefined],
    ['/**/é', undefined],
  ])('%s is %s', (text, condition) => {
    expect(globCondition(new Glob(text), { text: 'context.path', depth: 'context.depth' })).toBe(condition);
  });

  test('any text that is Unicode comes back as it is, quoted or as a pattern', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(holds(`context.path == ${quote(text)} && context.path like ${pattern([text])}`, { path: text })).toBe(true);
        expect(holds(`context.path like ${pattern([text])}`, { path: `${text}x` })).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
