import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { User } from './glovebox.ts';

interface Report {
  readonly kind: string;
  readonly policy: string;
  readonly findings: readonly { readonly rows: readonly number[]; readonly title: string; readonly verdict: string; readonly evidence: string }[];
}

/** More disk than memory, and neither takes long to be filled. */
const SOON_FULL = 'limits: { memory: 256MiB, disk: 512MiB, inodes: 5_000, pids: 128 }';

test('glovebox probe finds the sandbox of a policy whole, whose workspace is on a disk of its own, and its way out, which leads nowhere else', async () => {
  using user = new User();
  writePolicy(user, 'open', `extends: code-fix\n${SOON_FULL}\nnetwork: [{ host: api.test, methods: [GET] }]\n`);
  const ended = await user.run('probe', '--policy', 'open', '--kind', 'container', '--image', 'base', '--json');
  const report = JSON.parse(ended.stdout) as Report;
  expect(report.findings.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
  expect(report).toMatchObject({ kind: 'container', policy: 'open' });
  expect(new Set(report.findings.flatMap(({ rows }) => rows)).size).toBeGreaterThan(60);
  expect(report.findings.filter(({ rows, evidence }) => rows.some((row) => row >= 47 && row <= 59) && evidence.includes('on the way out: ')).length).toBeGreaterThan(8);
  expect(report.findings.filter(({ rows }) => rows.includes(64))).toMatchObject([{ verdict: 'held' }, { verdict: 'held', evidence: expect.stringContaining('the journal of its way out') }]);
  expect(report.findings.find(({ title }) => title.startsWith('what can be written'))?.evidence).toContain('/workspace on a disk of its own');
  expect(ended.code).toBe(0);
  expect(await user.containers()).toEqual([]);
});

// Those that lend as much disk as memory, and least of all.
test.each(['exec', 'locked-down'])('the policy %s, which ships, gives a sandbox that holds', async (policy) => {
  using user = new User();
  const ended = await user.run('probe', '--policy', policy, '--kind', 'container', '--json');
  const { findings } = JSON.parse(ended.stdout) as Report;
  expect(findings.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
  expect(findings.filter(({ verdict }) => verdict === 'held').length).toBeGreaterThan(70);
  expect(ended.code).toBe(0);
});

test('glovebox probe gives nothing to whom the policy gives nothing', async () => {
  using user = new User();
  writePolicy(user, 'none', 'sandbox: { kinds: [gvisor] }\n');
  expect(await user.run('probe', '--policy', 'none', '--kind', 'container')).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('sandbox.kinds: container is not in the list') });
});

function writePolicy(user: User, name: string, text: string): void {
  mkdirSync(join(user.folder, 'policies', name), { recursive: true });
  writeFileSync(join(user.folder, 'policies', name, 'policy.yaml'), `name: ${name}\n${text}`);
}
