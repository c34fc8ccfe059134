import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policySchema } from '../../../scripts/policy-schema.ts';
import type { DecisionRequest } from '../../../src/contracts/index.ts';
import { FilePolicies, testPolicy } from '../../../src/policy/index.ts';

const FOLDER = join(import.meta.dirname, '../../../policies');
const shipped = new FilePolicies([FOLDER]);

const sh = (text: string): DecisionRequest => ({ action: 'command.exec', argv: ['bash', '-lc', text], cwd: '/workspace' });

test('the schema that editors use is up to date (scripts/policy-schema.ts writes it)', () => {
  expect(readFileSync(join(FOLDER, 'schema.json'), 'utf8')).toBe(policySchema());
});

test.each(await shipped.names())('%s loads, names the schema and says what it is for', async (name) => {
  const text = readFileSync(join(FOLDER, name, 'policy.yaml'), 'utf8');
  expect(text.startsWith('# yaml-language-server: $schema=../schema.json\n# ')).toBe(true);
  expect(text).toMatch(/^description: .+$/m);
  const policy = await shipped.load(name);
  for (const action of ['file.write', 'file.delete'] as const) {
    expect(policy.decide({ action, path: '/workspace/.git/hooks/pre-commit' }).effect).toBe('deny');
  }
  expect(policy.decide({ action: 'network.connect', scheme: 'https', host: 'example.com', port: 443 }).effect).toBe('deny');
  expect(policy.decide({ action: 'credential.use', credential: 'x', place: 'header', scheme: 'https', host: 'example.com', port: 443, method: 'GET', path: '/' }).effect).toBe('deny');
});

test.each(await shipped.names())('%s answers its own tests, and has no rule that decides nothing', async (name) => {
  const policy = await shipped.load(name);
  const { file, results, silent } = await testPolicy(policy);
  expect(file).toBeDefined();
  expect(results.filter(({ problem }) => problem !== undefined)).toEqual([]);
  // Where all kinds are accepted there is none to refuse, and more files than may leave would be a long line.
  expect(silent.map(({ rule }) => rule).filter((rule) => rule !== 'sandbox.kinds' && rule !== 'export.max_files')).toEqual([]);
  expect(policy.lint().filter(({ isNote }) => isNote !== true)).toEqual([]);
  expect(policy.lint().some(({ rule }) => rule === 'mode')).toBe(name === 'observe');
});

test('base lends a sandbox and nothing that leaves it', async () => {
  const policy = await shipped.load('base');
  expect(policy.decide({ action: 'tool.call', tool: 'shell', version: '1' }).effect).toBe('deny');
  expect(policy.decide({ action: 'export.patch', paths: ['a'], bytes: 1 }).effect).toBe('deny');
});

test('exec runs any command in any image and kind', async () => {
  const policy = await shipped.load('exec');
  for (const kind of ['gvisor', 'container', 'process'] as const) {
    expect(policy.decide({ action: 'session.open', kinds: [kind], image: 'debian:bookworm', limits: policy.grant.sandbox }).effect).toBe('allow');
  }
  expect(policy.decide(sh('eval "$(cat x)"; sudo id')).effect).toBe('allow');
  expect(policy.decide({ action: 'file.read', path: '/etc/os-release' }).effect).toBe('allow');
});

test('js runs programs with the files of a workspace and nothing else of the host', async () => {
  const policy = await shipped.load('js');
  const program = (...functions: ('files' | 'tools')[]) => policy.decide({ action: 'javascript.run', language: 'typescript', source: 'sha256:0', functions }).effect;
  expect([program(), program('files'), program('tools')]).toEqual(['allow', 'allow', 'deny']);
  for (const name of ['base', 'exec', 'shell', 'ci', 'data-analysis', 'locked-down']) {
    expect((await shipped.load(name)).decide({ action: 'javascript.run', language: 'javascript', source: 'sha256:0', functions: [] }).effect).toBe('deny');
  }
});

test('where an agent may write programs over its tools, they are held by a sandbox as its commands are', async () => {
  for (const name of ['code-fix-local', 'code-fix', 'pr-bot']) expect((await shipped.load(name)).grant.javascript.place).toBe('sandbox');
});

describe.each(['code-fix', 'code-fix-local'])('%s', (name) => {
  test('lets an agent work as agents do, unattended', async () => {
    const policy = await shipped.load(name);
    for (const text of [
      'cd /workspace && ls -la && git status && git diff | head -100',
      'npm test 2>&1 | tail -n 80',
      'grep -rn "mount(" src --include=*.js | cut -d: -f1 | sort | uniq -c',
      "sed -n '1,80p' src/index.js; nl -ba test/a.test.js | sed -n '10,40p'",
      "cat > /tmp/try.js <<'EOF'\nconst { f } = require('/workspace/src');\nconsole.log(`${f(1)}`);\nEOF\nnode /tmp/try.js",
      'for f in src/*.py; do python3 -m py_compile "$f" || echo "broken: $f"; done',
      'if [ -f package.json ]; then node -e "console.log(require(\'./package.json\').name)"; fi',
      'find . -name "*.test.js" -not -path "./node_modules/*" -exec wc -l {} +',
      'PYTHONPATH=src timeout 60 python3 -m pytest -x -q; echo "exit $?"',
      'x=$(git rev-parse HEAD) && echo "$x" && printf \'%s\\n\' "${x:0:8}"',
      'rg -l foo | xargs sed -i "s/foo/bar/g"',
      'git add -A && git commit -m "sudo mount: push it" && git log --oneline -5',
    ]) {
      expect({ text, ...policy.decide(sh(text)) }).toMatchObject({ text, effect: 'allow' });
    }
    for (const tool of ['shell', 'edit', 'apply_patch', 'submit']) expect(policy.decide({ action: 'tool.call', tool, version: '1' }).effect).toBe('allow');
    expect(policy.decide({ action: 'file.write', path: '/workspace/src/a.ts' }).effect).toBe('allow');
    expect(policy.decide({ action: 'export.patch', paths: ['src/a.ts', 'package.json'], bytes: 10_000 }).effect).toBe('allow');
    expect(policy.decide({ action: 'session.open', kinds: ['container'], image: 'python', limits: policy.grant.sandbox }).effect).toBe('allow');
  });

  test('asks or refuses where a person should look', async () => {
    const policy = await shipped.load(name);
    expect(policy.decide(sh('git push origin HEAD'))).toMatchObject({ effect: 'ask', reason: { text: 'a fix leaves as a patch' } });
    expect(policy.decide(sh('sudo apt-get install x')).effect).toBe('deny');
    expect(policy.decide({ action: 'tool.call', tool: 'browse', version: '1' }).effect).toBe('deny');
    expect(policy.decide({ action: 'export.patch', paths: ['.github/workflows/ci.yml'], bytes: 1 }).effect).toBe('ask');
    expect(policy.decide({ action: 'export.patch', paths: Array(101).fill('a') as string[], bytes: 1 }).effect).toBe('deny');
  });
});

test('code-fix is code-fix-local without process sandboxes', async () => {
  const [strict, local] = await Promise.all([shipped.load('code-fix'), shipped.load('code-fix-local')]);
  expect(strict.grant).toEqual({ ...local.grant, kinds: ['gvisor', 'container'], hardLimits: true });
  const open = (kinds: readonly ['process']): DecisionRequest => ({ action: 'session.open', kinds, image: 'node', limits: local.grant.sandbox });
  expect(strict.decide(open(['process'])).effect).toBe('deny');
  expect(local.decide(open(['process'])).effect).toBe('allow');
});
