// A secret that was lent has come into a sandbox all the same: what an interpreter shows has it no more, and no file with it is kept.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CredentialDetector, Redaction } from '../../src/broker/index.ts';
import type { GovernedSandbox, Session } from '../../src/session/index.ts';
import { say } from '../support/contexts.ts';
import { EgressRig } from '../support/egress.ts';
import { openWorld } from '../support/sandbox-kinds.ts';
import { SessionRig } from '../support/session.ts';

const SECRET = 'ghp_9aTqZrLmNpQwErTyUiOpAsDfGhJkLzXcVbN1';
const world = openWorld('process');
const egress = new EgressRig();
egress.secrets.set('github', SECRET);
const redactor = new Redaction(egress.known, new CredentialDetector());
const rig = new SessionRig([world.driver], undefined, { broker: egress.broker(), redactor });
let session: Session;
let sandbox: GovernedSandbox;

beforeAll(async () => {
  session = await rig.open('sandbox: { kinds: [process] }\nnetwork: [{ host: up.test }]\ncredentials: [{ id: github, placeholder: GITHUB_TOKEN, bind: { host: up.test } }]\ncanaries: [env]\n');
  sandbox = await session.sandbox('test');
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const anomalies = async () => (await rig.events(session)).flatMap((event) => (event.type === 'anomaly.raised' ? [event.data] : []));
/** As somebody writes it who must not know it: in halves. */
const [HALF, REST] = [SECRET.slice(0, 20), SECRET.slice(20)];

test('an interpreter shows it nowhere: not in what it writes, in pieces, nor in values, tables, tracebacks', async () => {
  const context = await sandbox.contexts.open({ language: 'python' });
  await say(context, `import sys\ns = "${HALF}" + "${REST}"\nclass Rich:\n  def _repr_html_(self): return f"<b>{s}</b>"\n  def __repr__(self): return s`);
  const said = await say(context, 'sys.stdout.write(s[:9]); sys.stdout.flush(); sys.stdout.write(s[9:] + "|"); sys.stderr.write(f"no: {s}"); Rich()');
  expect(said.end.cause).toBe('finished');
  expect(said).toMatchObject({ stdout: `${'[secret:github]'.padEnd(SECRET.length, '*')}|`, stderr: `no: ${'[secret:github]'.padEnd(SECRET.length, '*')}`, result: '[secret:github]' });
  expect(said.displays.at(-1)?.data['text/html']).toBe('<b>[secret:github]</b>');
  const raised = await say(context, 'raise ValueError(s)');
  expect(raised.error).toMatchObject({ name: 'ValueError', message: '[secret:github]' });
  expect(JSON.stringify([said.events, raised.events])).not.toContain(REST);
});

test('a canary in a value is told', async () => {
  const context = await sandbox.contexts.open({ language: 'python' });
  await say(context, 'import os; os.environ["RELEASE_GITHUB_TOKEN"]');
  await say(context, 'print(os.environ["BACKUP_AWS_ACCESS_KEY_ID"])');
  expect(await anomalies()).toMatchObject([{ kind: 'canary', evidence: { canary: 'env RELEASE_GITHUB_TOKEN', where: 'output', call: expect.any(String) } }, { kind: 'canary', evidence: { canary: 'env BACKUP_AWS_ACCESS_KEY_ID' } }]);
});

test.each([
  ['as it is', SECRET],
  ['in base64', Buffer.from(`token=${SECRET}`).toString('base64')],
])('a workspace with it in a file, %s, is not kept, and is as soon as it is gone', async (_, content) => {
  await sandbox.files.write('/workspace/readme', Buffer.from('text'));
  await sandbox.files.write('/workspace/config', Buffer.from(`a: 1\nb: ${content}\n`));
  await expect(sandbox.snapshot()).rejects.toMatchObject({ code: 'denied', message: expect.stringContaining('credential github'), details: { rule: 'secrets' } });
  await expect(consumed(await sandbox.files.pack('/workspace', { kept: true }))).rejects.toMatchObject({ code: 'denied' });
  // Who asks for his files gets them.
  expect(await consumed(await sandbox.files.pack('/workspace'))).toContain(content);
  expect((await anomalies()).filter(({ kind }) => kind === 'secret')).toMatchObject([{ evidence: { credential: 'github', where: 'snapshot' } }, { evidence: { where: 'checkpoint' } }]);
  expect(allFiles(rig.blobFolder).filter((file) => readFileSync(file).includes(content))).toEqual([]);
  await sandbox.files.remove('/workspace/config');
  expect(await sandbox.snapshot()).toMatchObject({ files: 1 });
});

test('the placeholder is no secret', async () => {
  const { env } = await run('printenv GITHUB_TOKEN');
  await sandbox.files.write('/workspace/config', Buffer.from(env));
  await expect(sandbox.snapshot()).resolves.toMatchObject({ files: 2 });
});

async function run(line: string): Promise<{ readonly env: string }> {
  const command = await sandbox.exec({ argv: ['/bin/sh', '-c', line] });
  let env = '';
  for await (const { bytes } of command.output) env += bytes.toString();
  return { env };
}

async function consumed(chunks: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk.toString('latin1');
  return text;
}

function allFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
}
