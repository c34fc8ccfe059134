import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NewEvent } from '../../src/contracts/index.ts';
import { auditKey, JournalAudit, readSqliteAudit, SqliteAuditStore } from '../../src/journal/index.ts';
import { PayloadReader } from '../../src/journal/seal/payload-reader.ts';
import { OPERATOR, type OpenedPlace, SealedPlace } from '../support/sealed-place.ts';

const place = new SealedPlace();
const keyFile = join(place.folder, 'audit.key');
const EVENTS: readonly NewEvent[] = [
  { type: 'session.opened', data: { principal: 'user:ann', tenant: 'acme', policy: 'exec', policyHash: 'sha256:1' } },
  { type: 'command.started', data: { command: 'cmd_1', sandbox: 'sbx_1', argv: ['git', 'push', '--force'], cwd: '/workspace' } },
  { type: 'session.closed', data: { why: 'done' } },
];
const KEPT = 'ses_01m7zgkc0ws2gs7h7z35f9gfrw';
const GONE = 'ses_01m7zgkc0ws2gs7h7z35f9gfrx';

let at: OpenedPlace;
let audit: JournalAudit;
let key: string;
let lines: readonly string[];

beforeAll(async () => {
  at = place.open();
  audit = new JournalAudit({ store: new SqliteAuditStore(place.database), payloads: new PayloadReader(at.keys), signer: () => auditKey(keyFile), keyFile, checkpointFile: `${place.database}.checkpoints`, open: readSqliteAudit, clock: place.clock, note: () => {} });
  await at.journal.append(KEPT, EVENTS, { tenant: 'acme' });
  await at.journal.append(GONE, EVENTS, { tenant: 'umbrella' });
  await audit.checkpoint();
  await at.tenants.erase('umbrella', OPERATOR);
  key = await audit.verifierKey();
  lines = await Array.fromAsync(audit.export());
});

afterAll(async () => {
  await at[Symbol.asyncDispose]();
  await audit[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** As somebody else would, who has the file and the key that signs, and none that seals. */
async function findings(found: readonly string[]): Promise<readonly string[]> {
  const none = join(place.folder, 'none');
  await using auditor = new JournalAudit({ store: new SqliteAuditStore(`${none}.db`), signer: () => Promise.reject(new Error('has none')), keyFile: none, checkpointFile: none, open: readSqliteAudit, clock: place.clock, note: () => {} });
  const report = await auditor.verifyExport((async function* () { yield* found; })(), { keys: [key] });
  return report.findings.map(({ text }) => text);
}

const of = (stream: string) => lines.filter((line) => line.startsWith('{"kind":"event"') && line.includes(`"stream":"${stream}"`)).map((line) => JSON.parse(line) as Record<string, unknown>);

test('verifies with no key of payloads, before an erasure and after it', async () => {
  expect((await audit.verify()).findings).toEqual([]);
  expect(await findings(lines)).toEqual([]);
});

test('an export tells what was appended, and of what was erased that it was, and proves both', () => {
  expect(of(KEPT).map(({ type, data }) => ({ type, data }))).toEqual(EVENTS);
  expect(of(GONE).map(({ type, data, salt, stored }) => [type, data, salt, typeof stored])).toEqual(EVENTS.map(({ type }) => [type, undefined, undefined, 'object']));
  expect(lines.join('\n')).not.toContain('"envelope"');
});

test.each<[string, (line: string) => string]>([
  ['other data', (line) => line.replace('--force', '--dry-run')],
  ['another salt', (line) => line.replace(/"salt":"..../, '"salt":"AAAA')],
  ['another digest', (line) => line.replace(/"digest":"..../, '"digest":"AAAA')],
  ['data of its own beside a sealed form that was left out', (line) => line.replace(/,"stored":\{.*?\}\}/, '')],
])('an export with %s is found out, and the event is named', async (_, alter) => {
  const altered = lines.map((line) => (line.includes('--force') ? alter(line) : line));
  expect(altered).not.toEqual(lines);
  expect((await findings(altered))[0]).toContain(`stream ${KEPT}, event 2`);
});

test('a SIEM is told what happened, and of what was erased no more than that', async () => {
  const told = (await Array.fromAsync(audit.export({ format: 'ocsf' }))).map((line) => JSON.parse(line) as { class_uid: number; metadata: { correlation_uid: string; event_code: string } });
  expect(told.filter(({ metadata }) => metadata.correlation_uid === KEPT).map(({ class_uid }) => class_uid)).toEqual([3002, 1007, 3002]);
  expect(told.filter(({ metadata }) => metadata.correlation_uid === GONE).map(({ class_uid, metadata }) => [class_uid, metadata.event_code])).toEqual(EVENTS.map(({ type }) => [0, type]));
});
