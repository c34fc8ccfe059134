import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Caller } from '../support/server.ts';
import { receiver } from '../support/receivers.ts';
import { type Started, User } from './glovebox.ts';

const ROOT = join(import.meta.dirname, '../..');
const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const TOKEN = `sk-ant-${'q7R'.repeat(20)}`;

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A service as an operator would start it. */
async function serving(user: User): Promise<{ readonly process: Started; readonly stderr: () => readonly Line[]; readonly url: string; readonly metricsUrl: string; readonly key: string }> {
  const process = user.start(['serve', '--port', '0', '--metrics', '0', '--log-level', 'debug']);
  let said = '';
  let key = '';
  process.child.stderr?.on('data', (bytes: Buffer) => (said += bytes.toString()));
  process.child.stdout?.on('data', (bytes: Buffer) => (key += bytes.toString()));
  await process.says('listening at');
  await process.prints('gbx_');
  const stderr = (): readonly Line[] => said.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line);
  const found = (pattern: RegExp): string => stderr().map(({ msg }) => pattern.exec(msg)?.[1]).find((match) => match !== undefined) ?? '';
  return { process, stderr, url: found(/^listening at (\S+)/), metricsUrl: found(/^metrics at (\S+)/), key: key.trim() };
}

/** Series by name and labels. */
async function figures(url: string): Promise<{ readonly text: string; readonly of: (series: string) => number | undefined }> {
  const text = await (await fetch(url)).text();
  const values = new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line): [string, number] => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  return { text, of: (series) => values.get(series) };
}

/** Debian's, or what `npm test` takes out of its package. */
function promtool(args: readonly string[], input = ''): string {
  const cached = join(ROOT, 'node_modules/.cache/glovebox/promtool');
  return execFileSync(existsSync(cached) ? cached : 'promtool', args, { input, encoding: 'utf8', cwd: ROOT });
}

test('a service is watched: figures move with what happens, log lines have its ids and no secret, and people are told when it is stopped', async () => {
  using user = new User({ ANTHROPIC_API_KEY: TOKEN });
  const home = user.env['GLOVEBOX_HOME'] ?? '';
  const { url: hookUrl, got, until } = await receiver();
  mkdirSync(home, { recursive: true });
  user.env['HOOK_SECRET'] = SECRET;
  writeFileSync(join(home, 'notifications.yaml'), `base_url: https://glovebox.example\nchannels:\n  - { name: on-call, webhook: { url: "${hookUrl}", secret: { env: HOOK_SECRET } } }\n`);
  expect(await user.run('notify', 'test')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^on-call +sent\n$/) });

  const service = await serving(user);
  const { url, metricsUrl, key } = service;
  const before = await figures(metricsUrl);
  const ann = new Caller(url, key);
  const sandbox = await ann.sandbox();
  const command = await ann.command(sandbox, ['sh', '-c', `echo ${TOKEN}; exit 3`]);
  expect(command).toMatchObject({ status: 'ended' });
  const after = await figures(metricsUrl);
  const moved = (series: string): number => (after.of(series) ?? 0) - (before.of(series) ?? 0);
  expect(moved('glovebox_commands_total{cause="exited"}')).toBe(1);
  expect(moved('glovebox_command_seconds_count')).toBe(1);
  expect(moved('glovebox_decisions_total{action="command.exec",effect="allow",allowed="true"}')).toBe(1);
  expect(moved('glovebox_http_requests_total{method="POST",route="/v1/sandboxes/:id/commands",status="2xx"}')).toBe(1);
  expect(moved('glovebox_sandboxes{kind="process",state="running"}')).toBe(1);
  expect(moved('glovebox_journal_events_total')).toBeGreaterThanOrEqual(6);
  expect(after.of('glovebox_journal_bytes')).toBeGreaterThan(0);
  expect(promtool(['check', 'metrics'], after.text)).toBe('');
  // No id makes a series of its own.
  expect(after.text).not.toMatch(/(ses|sbx|cmd|run)_[0-9a-z]{26}/);

  expect([(await fetch(`${url}/metrics`)).status, (await ann.raw('GET', '/metrics')).status]).toEqual([401, 200]);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traced = await ann.raw('GET', '/v1/keys', { headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
  expect([traced.status, traced.headers.get('x-trace-id')]).toEqual([200, trace]);
  const ended = service.stderr().find(({ msg }) => msg === 'command ended');
  expect(ended).toMatchObject({ level: 'debug', command: command['id'], cause: 'exited', exitCode: 3, session: expect.stringMatching(/^ses_/) as string, trace: expect.stringMatching(/^[0-9a-f]{32}$/) as string });

  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: 'ready', degraded: [] });
  expect(await user.run('stop', '--all', '--why', 'a drill')).toMatchObject({ code: 0 });
  await until(2);
  expect(JSON.parse(got.at(-1)?.body ?? '')).toMatchObject({ type: 'control.stopped', data: { kind: 'stop', text: 'a drill', url: 'https://glovebox.example/readyz' } });
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: 'degraded', degraded: ['stopped'] });
  expect((await figures(metricsUrl)).of('glovebox_degraded{what="stopped"}')).toBe(1);

  service.process.child.kill('SIGTERM');
  const { code, stderr } = await service.process.ended;
  expect(code).toBe(0);
  for (const secret of [TOKEN, SECRET, key]) expect(stderr).not.toContain(secret);
  expect(stderr).toContain('"file":"notifications.yaml"');
  expect((await user.run('usage', '--json')).stdout).toContain('"commands":1');
});

test('what an administrator does to secrets is written down, and never a value', async () => {
  using user = new User();
  const setting = user.start(['secrets', 'set', 'github']);
  setting.child.stdin?.end(TOKEN);
  expect((await setting.ended).code).toBe(0);
  expect((await user.run('secrets', 'remove', 'github')).code).toBe(0);
  const { stdout } = await user.run('audit', 'export', '--format', 'ocsf');
  expect(stdout).toContain('"operation":"secret.set"');
  expect(stdout).toContain('"operation":"secret.remove"');
  expect(stdout).not.toContain(TOKEN);
});

test('the alert rules that ship are rules, raise what they should, and Prometheus takes its file', () => {
  expect(promtool(['check', 'rules', 'deploy/alerts.yml'])).toContain('SUCCESS: 11 rules found');
  expect(promtool(['test', 'rules', 'deploy/alerts.test.yml'])).toContain('SUCCESS');
  expect(promtool(['check', 'config', 'deploy/prometheus.yml'])).toContain('SUCCESS');
});

test('rules and dashboard ask only for figures that there are', async () => {
  using user = new User();
  const service = await serving(user);
  const { text } = await figures(service.metricsUrl);
  service.process.child.kill('SIGTERM');
  expect((await service.process.ended).code).toBe(0);
  const there = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].flatMap(([, name = '']) => [name, `${name}_bucket`]));
  const asked = ['deploy/alerts.yml', 'deploy/grafana/dashboards/glovebox.json'].flatMap((file) => readFileSync(join(ROOT, file), 'utf8').match(/\b(?:glovebox|nodejs)_[a-z0-9_]+/g) ?? []);
  expect(asked.filter((name) => !there.has(name))).toEqual([]);
});
