import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DecisionRequest, type Effect, type Policy, policyDocument } from '../../../src/contracts/index.ts';
import { CompiledPolicy } from '../../../src/policy/compiled-policy.ts';

const STRICTNESS: Readonly<Record<Effect, number>> = { allow: 0, ask: 1, deny: 2 };

type Document = Readonly<Record<string, unknown>>;

/** A policy and what it extends, nearest first. */
function compile(...documents: readonly Document[]): Policy {
  const [first, ...above] = documents.map((content, i) => ({
    document: policyDocument.parse({ name: `p${i}`, ...content }),
    file: `p${i}.yaml`,
    lineOf: () => 1,
  }));
  return new CompiledPolicy([first!, ...above]);
}

const program = fc.constantFrom('git', 'npm', 'sudo', 'ls', '/bin/ls', '*');
const args = fc.array(fc.constantFrom('push', 'test', '-f'), { maxLength: 2 });
const rule = fc.record({ program, args }, { requiredKeys: ['program'] });
const rules = fc.array(rule, { maxLength: 3 });
const pathGlob = fc.constantFrom('/**', '/workspace/**', '/workspace/*', '/workspace/a/**', '/tmp/*', '/workspace/{a,b}');
const relativeGlob = fc.constantFrom('**', 'a/**', '*.ts', '.github/**');
const globs = fc.array(pathGlob, { maxLength: 2 });
const relativeGlobs = fc.array(relativeGlob, { maxLength: 2 });
const network = fc.array(
  fc.record(
    { host: fc.constantFrom('a.test', '*.test', 'b.test'), methods: fc.array(fc.constantFrom('GET', 'POST')), paths: fc.array(fc.constantFrom('/**', '/v1/*')) },
    { requiredKeys: ['host'] },
  ),
  { maxLength: 3 },
);
const names = fc.array(fc.constantFrom('shell', 'edit', '*', 'e*'), { maxLength: 2 });
const optional = { requiredKeys: [] };

const document: fc.Arbitrary<Document> = fc.record(
  {
    limits: fc.record({ cpu: fc.integer({ min: 1, max: 4 }), pids: fc.integer({ min: 16, max: 512 }) }, optional),
    files: fc.record({ read: globs, write: globs, deny: globs, review: relativeGlobs }, optional),
    commands: fc.record({ allow: rules, ask: rules, deny: rules }, optional),
    network,
    tools: fc.record({ allow: names, deny: names }, optional),
    models: fc.record({ allow: fc.array(fc.constantFrom('a:*', 'b:x'), { maxLength: 2 }) }, optional),
    budget: fc.record({ usd: fc.integer({ min: 0, max: 3 }), tokens: fc.integer({ min: 0, max: 100 }), steps: fc.integer({ min: 0, max: 3 }) }, optional),
    export: fc.record({ max_files: fc.nat(2), max_bytes: fc.nat(100), ask: relativeGlobs, deny: relativeGlobs }, optional),
  },
  optional,
);

const text = fc.constantFrom('git push', 'ls; sudo id', 'npm test | ls', '$X', 'cd a && git -C b push', 'eval "$X"', 'echo `ls`');
const path = fc.constantFrom('/workspace', '/workspace/a', '/workspace/a/b', '/tmp/x', '/etc/passwd', '/', '/workspace/../x', 'x');
const spending = fc.record({ usd: fc.integer({ min: 0, max: 3 }), tokens: fc.nat(100), steps: fc.nat(3) });

const request = fc.oneof(
  fc.record({ action: fc.constant('command.exec'), argv: fc.oneof(fc.tuple(program, fc.constantFrom('push', '-f', 'test')), fc.tuple(fc.constant('sh'), fc.constant('-c'), text)), cwd: fc.constant('/') }),
  fc.record({ action: fc.constantFrom('file.read', 'file.write', 'file.delete', 'file.list'), path }),
  fc.record(
    {
      action: fc.constant('network.connect'),
      scheme: fc.constantFrom('https', 'http', 'tcp'),
      host: fc.constantFrom('a.test', 'b.test', 'x.y.test', 'test', 'A.test'),
      port: fc.constantFrom(443, 80),
      method: fc.constantFrom('GET', 'POST'),
      path: fc.constantFrom('/', '/v1/a', '/v1/../a'),
    },
    { requiredKeys: ['action', 'scheme', 'host', 'port'] },
  ),
  fc.record({ action: fc.constant('tool.call'), tool: fc.constantFrom('shell', 'edit', 'submit'), version: fc.constant('1') }),
  fc.record({ action: fc.constant('model.call'), provider: fc.constantFrom('a', 'b'), model: fc.constantFrom('x', 'y'), spent: spending, worstCase: spending }),
  fc.record({ action: fc.constant('export.patch'), paths: fc.array(fc.constantFrom('a/b', 'c.ts', '.github/x', '../x')), bytes: fc.nat(200) }),
  fc.record({
    action: fc.constant('session.open'),
    kinds: fc.array(fc.constantFrom('gvisor', 'container', 'process'), { maxLength: 2 }),
    image: fc.constantFrom('base', 'node', 'other'),
    limits: fc.record({ cpu: fc.nat(4), memoryBytes: fc.constant(1), pids: fc.nat(512), diskBytes: fc.constant(1), inodes: fc.constant(1), openFiles: fc.constant(1) }),
  }),
) as fc.Arbitrary<DecisionRequest>;

const RUNS = { numRuns: 1_000, seed: -196249913 };

describe('decisions', { timeout: 120_000 }, () => {
  test('are the same for the same question, from the same or an equal policy', () => {
    fc.assert(
      fc.property(document, request, (content, question) => {
        const policy = compile(content);
        expect(policy.decide(question)).toEqual(policy.decide(structuredClone(question)));
        expect(compile(content).decide(question)).toEqual(policy.decide(question));
      }),
      RUNS,
    );
  });

  test('are as strict as the strictest reason, and keep all the others', () => {
    fc.assert(
      fc.property(document, document, request, (child, parent, question) => {
        const { effect, reason, lost } = compile(child, parent).decide(question);
        expect(reason.effect).toBe(effect);
        for (const other of lost) expect(STRICTNESS[other.effect]).toBeLessThanOrEqual(STRICTNESS[effect]);
      }),
      RUNS,
    );
  });

  test('never get weaker by a rule that denies or asks', () => {
    const additions = fc.oneof(
      rule.map((one) => ({ commands: { deny: [one] } })),
      rule.map((one) => ({ commands: { ask: [one] } })),
      pathGlob.map((one) => ({ files: { deny: [one] } })),
      names.map((deny) => ({ tools: { deny } })),
      relativeGlobs.map((review) => ({ files: { review } })),
    );
    fc.assert(
      fc.property(document, additions, request, (content, addition, question) => {
        const [section, lists] = Object.entries(addition)[0] as [string, Record<string, unknown[]>];
        const before = (content[section] ?? {}) as Record<string, unknown[]>;
        const [list, added] = Object.entries(lists)[0] as [string, unknown[]];
        const stricter = { ...content, [section]: { ...before, [list]: [...(before[list] ?? []), ...added] } };
        expect(STRICTNESS[compile(stricter).decide(question).effect]).toBeGreaterThanOrEqual(STRICTNESS[compile(content).decide(question).effect]);
      }),
      RUNS,
    );
  });

  test('of a policy that extends another are never weaker than what the other one states', () => {
    fc.assert(
      fc.property(document, document, request, (child, parent, question) => {
        const above = compile(parent).decide(question);
        // What nobody states is the child's to settle: our defaults hold only where the whole chain is silent.
        fc.pre(above.reason.file !== undefined);
        expect(STRICTNESS[compile(child, parent).decide(question).effect]).toBeGreaterThanOrEqual(STRICTNESS[above.effect]);
      }),
      RUNS,
    );
  });

  test('of a policy that extends another are never weaker than its own, where it speaks itself', () => {
    fc.assert(
      fc.property(document, document, request, (child, parent, question) => {
        const own = compile(child).decide(question);
        fc.pre(own.reason.file !== undefined);
        expect(STRICTNESS[compile(child, parent).decide(question).effect]).toBeGreaterThanOrEqual(STRICTNESS[own.effect]);
      }),
      RUNS,
    );
  });

  test('are made for any shell text, and never by throwing', () => {
    const policy = compile({ commands: { deny: [{ program: 'sudo' }] } });
    const piece = fc.constantFrom('sudo', 'ls', ' ', '\n', ';', '|', '&', '(', ')', '{', '}', '$', '`', '"', "'", '\\', '<<', 'EOF', '<', '>', '[[', ']]', 'case', 'esac', 'in', 'for', 'do', 'eval', '=', '#', '*', 'x', '!', '$((', '))', '${');
    fc.assert(
      fc.property(fc.oneof(fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')), fc.string()), (script) => {
        fc.pre(!script.includes('\0'));
        for (const shell of ['sh', 'bash']) {
          expect(['allow', 'ask', 'deny']).toContain(policy.decide({ action: 'command.exec', argv: [shell, '-c', script], cwd: '/' }).effect);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
