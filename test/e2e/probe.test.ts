import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { User } from './glovebox.ts';

interface Report {
  readonly kind: string;
  readonly policy: string;
  readonly findings: readonly { readonly rows: readonly number[]; readonly title: string; readonly verdict: string; readonly evidence: string }[];
}

test('glovebox probe finds the sandbox of a policy whole, whose workspace is on a disk of its own', async () => {
  using user = new User();
  const ended = await user.run('probe', '--policy', 'code-fix', '--kind', 'container', '--image', 'base', '--json');
  const report = JSON.parse(ended.stdout) as Report;
  expect(report.findings.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
  expect(report).toMatchObject({ kind: 'container', policy: 'code-fix' });
  expect(new Set(report.findings.flatMap(({ rows }) => rows)).size).toBeGreaterThan(60);
  expect(report.findings.find(({ title }) => title.startsWith('what can be written'))?.evidence).toContain('/workspace on a disk of its own');
  expect(ended.code).toBe(0);
  expect(await user.containers()).toEqual([]);
});

test('glovebox probe gives nothing to whom the policy gives nothing', async () => {
  using user = new User();
  mkdirSync(join(user.folder, 'policies/none'), { recursive: true });
  writeFileSync(join(user.folder, 'policies/none/policy.yaml'), 'name: none\nsandbox: { kinds: [gvisor] }\n');
  expect(await user.run('probe', '--policy', 'none', '--kind', 'container')).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('sandbox.kinds: container is not in the list') });
});
