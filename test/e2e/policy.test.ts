import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DecisionRequest, type NewEvent, systemClock } from '../../src/contracts/index.ts';
import { SqliteJournal } from '../../src/journal/index.ts';
import { FilePolicies } from '../../src/policy/index.ts';
import { User } from './glovebox.ts';

function policyOf(user: User, name: string, files: Readonly<Record<string, string>>): void {
  const folder = join(user.folder, 'policies', name);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
}

const DAYS = 30;
const SESSIONS_A_DAY = 20;
const DECISIONS_A_SESSION = 25;

/** What sessions under `mine` asked in a month that ended just now, one of them for a program that a later policy denies. */
async function writeMonth(user: User): Promise<void> {
  const policy = await new FilePolicies([join(user.folder, 'policies'), join(import.meta.dirname, '../../policies')]).load('mine');
  const state = user.env['GLOVEBOX_HOME'] ?? '';
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const end = Date.now();
  let nowMs = end;
  await using journal = new SqliteJournal(join(state, 'journal.db'), { clock: { ...systemClock, now: () => nowMs } });
  const principal = { tenant: 'local', name: 'user:ann', roles: ['operator'] };
  for (let session = 0; session < DAYS * SESSIONS_A_DAY; session++) {
    nowMs = end - (DAYS - (session + 0.5) / SESSIONS_A_DAY) * 24 * 3_600_000;
    const asked = Array.from({ length: DECISIONS_A_SESSION }, (_, i): NewEvent => {
      const request: DecisionRequest = { action: 'command.exec', argv: i === 7 ? ['curl', `https://packages.test/${session}`] : ['grep', '-rn', `word${session * i}`, 'src'], cwd: '/workspace' };
      const decision = policy.decide(request, principal);
      return { type: 'decision', data: { request, decision, allowed: decision.effect === 'allow' } };
    });
    await journal.append(`ses_${String(session).padStart(4, '0')}`, [{ type: 'session.opened', data: { principal: principal.name, tenant: principal.tenant, roles: principal.roles, policy: 'mine', policyHash: policy.hash } }, ...asked]);
  }
}

describe('glovebox policy', () => {
  test('explains an answer, with the rule, its place and what would have to change', async () => {
    using user = new User();
    const ended = await user.run('policy', 'explain', 'code-fix', 'exec', '--', 'git', '-C', 'there', 'push');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const [first, decided, otherwise] = ended.stdout.split('\n');
    expect(first).toBe('ask  exec -- git -C there push');
    expect(decided).toMatch(/^ {2}decided by {2}commands\.ask\[0\] \(.*policies\/code-fix-local\/policy\.yaml:\d+\): a fix leaves as a patch$/);
    expect(otherwise).toMatch(/or a person says yes$/);
    const json = await user.run('policy', 'explain', '--json', 'code-fix', 'tool', 'browse');
    expect(JSON.parse(json.stdout)).toMatchObject({ effect: 'deny', request: { action: 'tool.call', tool: 'browse' }, reason: { rule: 'tools.allow' }, remedies: [expect.stringContaining('tools.allow')] });
  });

  test('says what is wrong with a question', async () => {
    using user = new User();
    expect(await user.run('policy', 'explain', 'base', 'conect', 'https://a.test')).toMatchObject({ code: 2, stderr: expect.stringContaining('expected one of exec, python') });
    expect(await user.run('policy', 'explain', 'base', 'connect', 'a.test')).toMatchObject({ code: 2, stderr: expect.stringContaining('tcp://host:5432') });
    expect(await user.run('policy', 'explain', 'basis', 'tool', 'x')).toMatchObject({ stderr: expect.stringContaining('did you mean base?') });
  });

  test('tests what ships with it, and policies of one’s own', async () => {
    using user = new User();
    expect(await user.run('policy', 'test')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^code-fix-local: \d+ held, 0 failed; \d+ of \d+ rules spoke$/m) });
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: code-fix\ntools: { allow: [shell] }\n', 'tests.yaml': '- { tool: shell, expect: allow }\n- { tool: edit, expect: allow }\n' });
    const ended = await user.run('policy', 'test', 'mine');
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/mine\/tests\.yaml:2: tool edit: expected allow, decided deny \(tools\.allow: edit fits none of the list\)\nmine: 1 held, 1 failed; 1 of 1 rules spoke\n$/);
    policyOf(user, 'bare', { 'policy.yaml': 'name: bare\n' });
    expect(await user.run('policy', 'test', 'bare')).toMatchObject({ code: 1, stdout: 'bare: no tests.yaml beside it\n' });
  });

  test('finds rules that decide nothing, as text and as SARIF', async () => {
    using user = new User();
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: code-fix\ntools: { allow: [shell, browse] }\n' });
    const place = join(user.folder, 'policies/mine/policy.yaml');
    expect(await user.run('policy', 'lint', 'mine')).toMatchObject({ code: 1, stdout: expect.stringMatching(/mine\/policy\.yaml:3: tools\.allow\[1\]: it never lets anything through/) });
    const sarif = JSON.parse((await user.run('policy', 'lint', '--sarif', 'mine')).stdout) as { version: string; runs: readonly { results: readonly unknown[] }[] };
    expect(sarif).toMatchObject({ version: '2.1.0', runs: [{ results: [{ locations: [{ physicalLocation: { artifactLocation: { uri: place }, region: { startLine: 3 } } }] }] }] });
    expect(await user.run('policy', 'lint')).toMatchObject({ code: 1 });
  });

  test('asks a changed policy what was asked before', async () => {
    using user = new User();
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: exec\n' });
    expect((await user.run('exec', '--kind', 'container', '--policy', 'mine', '--', 'true')).code).toBe(0);
    expect(await user.run('policy', 'backtest', 'mine')).toMatchObject({ code: 0, stdout: '2 recorded decisions, 0 would be another\n' });
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: exec\ncommands: { deny: [{ program: "true" }] }\n' });
    const ended = await user.run('policy', 'backtest', 'mine', '--since', '1h');
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/#\d+ {2}allow → deny {2}exec true\n {4}was {2}default: .*\n {4}now {2}commands\.deny\[0\] \(.*:3\): it runs true\n2 recorded decisions, 1 would be another\n$/);
    expect(await user.run('policy', 'backtest', 'mine', '--since', '1ms')).toMatchObject({ code: 0, stdout: '0 recorded decisions, 0 would be another\n' });
  });

  test('asks a changed policy what a month of sessions asked, or its last week', async () => {
    using user = new User();
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: exec\n' });
    await writeMonth(user);
    const changed = 'name: mine\nextends: exec\ncommands: { deny: [{ program: curl, reason: nobody fetches by hand }] }\n';
    expect(await user.run('policy', 'backtest', 'mine')).toMatchObject({ code: 0, stdout: '15000 recorded decisions, 0 would be another\n' });
    policyOf(user, 'mine', { 'policy.yaml': changed });
    const month = await user.run('policy', 'backtest', 'mine', '--json');
    const { asked, flips } = JSON.parse(month.stdout) as { asked: number; flips: { request: { argv: string[] }; was: { effect: string }; now: { effect: string } }[] };
    expect([month.code, asked, flips.length]).toEqual([1, 15_000, 600]);
    expect(new Set(flips.map(({ request, was, now }) => `${request.argv[0]} ${was.effect} ${now.effect}`))).toEqual(new Set(['curl allow deny']));
    const week = await user.run('policy', 'backtest', 'mine', '--since', '7d');
    expect(week.stdout.trimEnd().split('\n').at(-1)).toBe('3500 recorded decisions, 140 would be another');
  });

  test('says what a change would permit and forbid', async () => {
    using user = new User();
    policyOf(user, 'old', { 'policy.yaml': 'name: old\nextends: code-fix\nlimits: { cpu: 1 }\ntools: { allow: [shell, edit] }\n' });
    policyOf(user, 'new', {
      'policy.yaml': 'name: new\nextends: code-fix\ncommands: { deny: [{ program: curl }] }\ntools: { allow: [shell] }\nnetwork: [{ host: api.test, methods: [PUT], paths: ["/v1/**"] }]\n',
      'tests.yaml': '- { exec: "curl | sh", expect: deny }\n',
    });
    const { code, stdout } = await user.run('policy', 'diff', 'old', 'new');
    expect(code).toBe(1);
    // One for each limit that a rule states beyond what the older lends.
    expect(stdout.split('\n').filter((line) => !line.includes('  open '))).toEqual([
      'lends     sandbox.cpu: 1 → 2',
      'lends     network.destinations: none → (host api.test, port 443, tcp false)',
      'lends     network.installScripts: none → deny',
      expect.stringMatching(/^lends {5}network\.limits: none → requests \d+, /),
      expect.stringMatching(/^forbids {3}exec sh -c "curl \| sh" \(ask before; commands\.deny\[0\] /),
      expect.stringMatching(/^forbids {3}tool edit \(allow before; tools\.allow /),
      expect.stringMatching(/^forbids {3}exec curl \(allow before; commands\.deny\[0\] \(.*:3\): it runs curl\)$/),
      expect.stringMatching(/^permits {3}connect PUT https:\/\/api\.test:443\/v1\/x \(deny before; network\[0\] /),
      expect.stringMatching(/^\d+ questions asked: \d+ have another answer, 4 amounts are others$/),
      '',
    ]);
    expect(await user.run('policy', 'diff', 'old', 'old')).toMatchObject({ code: 0, stdout: expect.stringContaining(' 0 have another answer, 0 amounts') });
  });

  test('shows what a policy compiles to, rules.cedar included', async () => {
    using user = new User();
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: code-fix\n', 'rules.cedar': 'forbid (principal, action == Action::"tool.call", resource == Tool::"edit");\n' });
    const ended = await user.run('policy', 'show', '--cedar', 'mine');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^\/\/ deny: .*code-fix-local\/policy\.yaml:19: commands\.deny\[0\]\n@id\("2:commands\.deny\[0\]"\)\nforbid \(principal, action == Action::"command\.exec", resource\)\nwhen \{ .*"sudo"/m);
    expect(ended.stdout).toMatch(/^\/\/ deny or ask: .*mine\/rules\.cedar:1: rules\.cedar\[0\]\n@id\("0:rules\.cedar\[0\]"\)\nforbid .* resource == Tool::"edit"\);$/m);
    expect((await user.run('policy', 'explain', 'mine', 'tool', 'edit')).stdout).toMatch(/^deny .*\n {2}decided by {2}rules\.cedar\[0\] \(.*mine\/rules\.cedar:1\)/);
    policyOf(user, 'mine', { 'rules.cedar': 'forbid (principal, action, resource) when { context.nothing };\n' });
    expect(await user.run('policy', 'lint', 'mine')).toMatchObject({ code: 2, stderr: expect.stringMatching(/mine\/rules\.cedar:1:\d+: attribute `nothing` in context/) });
  });

  test('shows what a policy lends', async () => {
    using user = new User();
    const ended = await user.run('policy', 'show', 'code-fix');
    expect(ended.stdout).toMatch(/^code-fix {2}sha256:[0-9a-f]{64}\n/);
    expect(ended.stdout).toMatch(/^kinds +gvisor, container$/m);
    expect(ended.stdout).toMatch(/^commands\.deny\[1\] +.*code-fix-local\/policy\.yaml:20$/m);
  });
});

describe.each([
  { name: 'pr-bot', refused: ['npm', 'publish'], rule: 'commands.deny[0]' },
  { name: 'ci', refused: ['git', 'push'], rule: 'commands.deny[3]', image: 'base' },
  { name: 'data-analysis', refused: ['pip', 'install', 'x'], rule: 'commands.ask[0]' },
  { name: 'code-fix', refused: ['sh', '-c', 'cd /tmp && sudo id'], rule: 'commands.deny[0]', image: 'base' },
  { name: 'code-fix-local', refused: ['git', '-C', '/tmp', 'push'], rule: 'commands.ask[0]', kind: 'process' },
])('a session under $name', ({ name, refused, rule, image, kind = 'container' }) => {
  const options = ['--kind', kind, '--policy', name, ...(image === undefined ? [] : ['--image', image])];

  test('runs what it may, sealed in, and not what it may not', async () => {
    using user = new User();
    const ran = await user.run('exec', ...options, '--', 'sh', '-c', 'touch a && ls && sed -n "s/ *\\(.*\\):.*/\\1/p" /proc/net/dev');
    expect(ran).toMatchObject({ code: 0, stdout: 'a\nlo\n' });
    const ended = await user.run('exec', ...options, '--', ...refused);
    expect(ended).toMatchObject({ code: 126, stdout: '', stderr: expect.stringContaining(rule) });
  });
});

test('a session under base runs any command in our images, and no other image or kind', async () => {
  using user = new User();
  expect(await user.run('exec', '--policy', 'base', '--', 'sh', '-c', 'touch a && ls && ls /sys/class/net')).toMatchObject({ code: 0, stdout: 'a\nlo\n' });
  expect(await user.run('exec', '--policy', 'base', '--image', 'debian:bookworm', '--', 'true')).toMatchObject({ code: 126, stderr: expect.stringContaining('without sandbox.images only base') });
  expect(await user.run('exec', '--policy', 'base', '--kind', 'process', '--', 'true')).toMatchObject({ code: 126, stderr: expect.stringContaining('not process') });
});

test('a session under locked-down is small, and nothing that extends it is larger', async () => {
  using user = new User();
  policyOf(user, 'opened', { 'policy.yaml': 'name: opened\nextends: locked-down\nnetwork: [{ host: example.test }]\ntools: { allow: [shell] }\nlimits: { memory: 8GiB, pids: 4096 }\nexport: { max_files: 10 }\n' });
  const ended = await user.run('exec', '--kind', 'container', '--policy', 'opened', '--', 'sh', '-c', 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; ls /sys/class/net');
  expect(ended).toMatchObject({ code: 0, stdout: '536870912\nlo\n' });
  for (const question of [['connect', 'https://example.test/'], ['tool', 'shell'], ['export', 'a']]) {
    expect(JSON.parse((await user.run('policy', 'explain', '--json', 'opened', ...question)).stdout)).toMatchObject({ effect: 'deny' });
  }
});

test('a session keeps the policy that it opened with, and is told what becomes of its files', async () => {
  using user = new User();
  policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: exec\n' });
  const started = user.start(['exec', '--policy', 'mine', '-i', '--', 'sh', '-c', 'echo here; read line; echo "$line"']);
  await started.prints('here');
  policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: exec\ncommands: { deny: [{ program: "*" }] }\n' });
  await started.says('the policy mine has changed: sessions from now on are under sha256:');
  policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: exec\ncomm' });
  await started.says('the policy mine stays as it was, sha256:');
  started.child.stdin?.end('still here\n');
  expect(await started.ended).toMatchObject({ code: 0, stdout: 'here\nstill here\n', stderr: expect.stringMatching(/for what is there now is none: .*policies\/mine\/policy\.yaml:\d+:\d+: /) });
});

describe('a policy that only observes', () => {
  test('lets pass what it would refuse, loudly, and stays sealed', async () => {
    using user = new User();
    const ended = await user.run('exec', '--policy', 'observe', '--image', 'base', '--', 'sh', '-c', 'sudo id 2>/dev/null; ls /sys/class/net');
    expect(ended).toMatchObject({ code: 0, stdout: 'lo\n' });
    expect(ended.stderr).toMatch(/NOTHING IS ENFORCED: the policy observe only observes/);
    expect(ended.stderr).toMatch(/observed: commands\.deny\[0\] would deny it: it runs sudo/);
    // Nobody can be asked here, and nobody has to be.
    expect(await user.run('exec', '--policy', 'observe', '--image', 'base', '--', 'sh', '-c', 'git push; true')).toMatchObject({ code: 0, stderr: expect.stringContaining('observed: commands.ask[0] would ask about it') });
    expect(JSON.parse((await user.run('policy', 'lint', '--sarif', 'observe')).stdout)).toMatchObject({ runs: [{ results: [{ ruleId: 'observes', level: 'note' }, { ruleId: 'reach-of-rule', level: 'note' }] }] });
    expect(await user.run('exec', '--policy', 'observe', '--kind', 'process', '--', 'true')).toMatchObject({ code: 126, stderr: expect.stringContaining('sandbox.kinds') });
    policyOf(user, 'mine', { 'policy.yaml': 'name: mine\nextends: observe\n' });
    const enforced = await user.run('exec', '--policy', 'mine', '--image', 'base', '--', 'sudo', 'id');
    expect(enforced).toMatchObject({ code: 126, stderr: expect.not.stringContaining('NOTHING IS ENFORCED') });
  });

  test('teaches the least policy under which the same demo runs again with nothing denied', async () => {
    using user = new User();
    const observed = await user.run('demo', 'javascript', '--policy', 'observe');
    expect(observed).toMatchObject({ code: 0, stderr: expect.stringContaining('NOTHING IS ENFORCED') });
    expect(observed.stderr).toMatch(/^observed +tool\.call would be denied: shell fits none of the list$/m);
    const run = /^ +run +(run_\w+)$/m.exec(observed.stderr)?.[1] ?? '';
    const learned = await user.run('policy', 'learn', '--runs', run, '--name', 'mine', '--extends', 'code-fix', '-o', 'policies/mine/policy.yaml');
    expect(learned).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/^learned +\d+ rules from (\d+) decisions of one run; 0 decisions left out; written to policies\/mine\/policy\.yaml\nasked again, it allows \1, asks about 0 and denies 0\n$/) });
    // It says of a policy that allows npm and git what these can do, and that commands need not heed its files; nothing else.
    const linted = await user.run('policy', 'lint', '--json', 'mine');
    const { findings } = JSON.parse(linted.stdout) as { findings: readonly { rule: string; isNote?: true }[] };
    expect(findings.filter(({ isNote }) => isNote !== true)).toEqual(['git', 'npm'].map(() => expect.objectContaining({ rule: expect.stringMatching(/^commands\.allow\[\d\]$/), text: expect.stringMatching(/^(?:git|npm) can run any program/) })));
    expect(findings.flatMap(({ isNote, rule }) => (isNote === true ? [rule] : []))).toEqual(['files.read', 'files.write']);
    // What it was learned for is beside it as tests; the amounts are for their author to try.
    const tested = await user.run('policy', 'test', 'mine');
    expect(tested).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mine: 1\d held, 0 failed; /) });
    expect(tested.stderr.split('\n').filter((line) => !/silent: (?:limits|budget|sandbox\.kinds|export\.max_)/.test(line))).toEqual(['']);
    const again = await user.run('demo', 'javascript', '--policy', 'mine');
    expect(again.stderr).toMatch(/^ +work +\d+ steps, \d+ commands, 0 denials/m);
    expect(again.stderr).not.toContain('NOTHING IS ENFORCED');
    expect(again.code).toBe(0);
    // And it is no wider than that.
    for (const question of [['exec', 'curl', 'x'], ['write', '/workspace/src/other.js'], ['tool', 'browse'], ['export', 'src/other.js']]) {
      expect(JSON.parse((await user.run('policy', 'explain', '--json', 'mine', ...question)).stdout)).toMatchObject({ effect: 'deny' });
    }
    expect(await user.run('policy', 'learn', '--since', '1h', '-o', 'policies/mine/policy.yaml')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is such a file already') });
  });

  test('says what it cannot learn from', async () => {
    using user = new User();
    expect(await user.run('policy', 'learn')).toMatchObject({ code: 2, stderr: expect.stringContaining('--runs <id>… or --since <time>') });
    expect(await user.run('policy', 'learn', '--runs', 'run_none')).toMatchObject({ stderr: expect.stringContaining('no decisions of run_none') });
    expect(await user.run('policy', 'learn', '--since', 'yesterday')).toMatchObject({ code: 2, stderr: expect.stringContaining('a date such as') });
    expect((await user.run('exec', '--policy', 'code-fix', '--image', 'base', '--', 'sudo', 'id')).code).toBe(126);
    const learned = await user.run('policy', 'learn', '--since', '2026-01-01');
    expect(learned).toMatchObject({ code: 0, stdout: expect.stringContaining('commands:\n  allow: []\n'), stderr: expect.stringMatching(/^left out +exec sudo id\n +it was refused then: commands\.deny\[0\]/) });
    expect(JSON.parse((await user.run('policy', 'learn', '--since', '1h', '--refused', '--json')).stdout)).toMatchObject({ left: 0, again: { deny: 0 }, rules: expect.arrayContaining([expect.objectContaining({ rule: 'commands.allow[0]', value: { program: 'sudo' } })]) });
  });
});
