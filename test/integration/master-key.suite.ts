import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeptEnvelope, NewEvent } from '../../src/contracts/index.ts';
import { type KeyDatabase, openKeyed } from '../support/keyed-place.ts';

const WORKER = join(import.meta.dirname, 'master-key.worker.ts');
const OPERATOR = { tenant: 'local', name: 'user:op', roles: ['administrator'] };
const RUN = 'run_01m7zgkc0ws2gs7h7z35f9gfrw';
const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const OLD = { GLOVEBOX_MASTER_KEY: keyOf(1) };
const NEW = { GLOVEBOX_MASTER_KEY: keyOf(2) };
const BOTH = { ...NEW, GLOVEBOX_PREVIOUS_MASTER_KEY: keyOf(1) };
const said = (text: string): NewEvent => ({ type: 'run.prompted', data: { text } });
const { signal } = new AbortController();

/** What a change of the master key does, wherever payload keys are kept. */
export function masterKeySuite(name: string, where: () => KeyDatabase | undefined): void {
  describe(`a change of the master key, with payload keys in ${name}`, () => {
    let folder: string;
    let database: KeyDatabase | undefined;
    let leases: string[];
    const open = (env: Readonly<Record<string, string>>, onRewrap?: () => void) => openKeyed(folder, env, { database, ...(onRewrap && { onRewrap }) });

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'glovebox-master-'));
      database = where();
      await using at = open(OLD);
      for (const secret of ['one', 'two']) await at.secrets.set(secret, `the value of ${secret}`);
      leases = [await at.lent.write({ credential: 'vault', owner: 'us', handle: 'the handle' })];
      await at.journal.append(RUN, [said('before')], { tenant: 'acme' });
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    /** Everything opens: values, handles, payloads. */
    async function readAll(env: Readonly<Record<string, string>>): Promise<void> {
      await using at = open(env);
      for (const secret of ['one', 'two']) expect(await at.secrets.get(secret)).toBe(`the value of ${secret}`);
      expect(await at.lent.list()).toMatchObject({ records: leases.map((id) => ({ id, handle: 'the handle' })), unreadable: [] });
      expect((await at.journal.read(RUN)).map(({ data }) => data)).toContainEqual({ text: 'before' });
    }

    /** What of all that says that it is under another key. */
    async function unreadable(env: Readonly<Record<string, string>>): Promise<number> {
      await using at = open(env);
      const attempts = await Promise.allSettled([at.secrets.get('one'), at.secrets.get('two'), at.journal.read(RUN)]);
      const failed = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason as unknown] : []));
      for (const error of failed) expect(error).toMatchObject({ code: 'secret_unreadable', message: expect.stringMatching(/was sealed under master key \w{16}, and this is \w{16}: give the one it was sealed under/) });
      return failed.length + (await at.lent.list()).unreadable.length;
    }

    test('puts everything under the new one: with it alone everything opens, with the old one nothing; it is written down, and done again it has nothing to do', async () => {
      {
        await using at = open(BOTH);
        // The second payload key is that of the stream that the change is written into.
        expect(await at.change.change(OPERATOR, signal)).toMatchObject({ to: { where: 'GLOVEBOX_MASTER_KEY' }, from: [{ where: 'GLOVEBOX_PREVIOUS_MASTER_KEY' }], rewrapped: { secrets: 2, leases: 1, 'payload keys': 1 } });
        expect((await at.change.change(OPERATOR, signal)).rewrapped).toEqual({ secrets: 0, leases: 0, 'payload keys': 0 });
        expect((await at.journal.read('administration')).map(({ type, data }) => [type, data]).slice(0, 2)).toMatchObject([['master_key.change_begun', { by: 'user:op' }], ['master_key.changed', { by: 'user:op', envelopes: 4 }]]);
      }
      await readAll(NEW);
      expect(await unreadable(OLD)).toBe(4);
    });

    test('that is killed at any step leaves everything to be read with both, and is done when it is asked for again', async () => {
      // Each of four envelopes has one step before it and one after.
      for (const step of [1, 4, 7]) {
        const args = [WORKER, folder, String(step), ...(database === undefined ? [] : [database.url.url, database.schema])];
        const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { env: { ...process.env, ...BOTH }, stdio: 'inherit' });
        expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
        await readAll(BOTH);
        if (step === 4) expect([await unreadable(OLD), await unreadable(NEW)]).toEqual([2, 2]);
      }
      await using at = open(BOTH);
      await at.change.change(OPERATOR, signal);
      await readAll(NEW);
      expect(await unreadable(OLD)).toBe(4);
    });

    test('leaves what somebody made of an envelope after it was found', async () => {
      await using at = open(BOTH);
      await using beside = open(BOTH);
      const found: KeptEnvelope[] = [];
      for (const place of at.kept) for await (const envelope of place.envelopes()) found.push(envelope);
      await beside.secrets.set('one', 'set meanwhile');
      await beside.secrets.remove('two');
      await beside.lent.remove(leases[0] ?? '');
      const ofAcme = (await beside.keys.store.list('acme')).map(({ id }) => id);
      await beside.keys.retire(ofAcme);
      await beside.keys.destroy(ofAcme);
      expect([found.length, await Promise.all(found.map((envelope) => envelope.rewrap()))]).toEqual([4, [false, false, false, false]]);
      expect(await beside.secrets.get('one')).toBe('set meanwhile');
      expect(await beside.secrets.list()).toHaveLength(1);
      expect((await beside.lent.list()).records).toEqual([]);
      expect((await beside.keys.store.list()).map(({ record }) => record.state)).toEqual(['destroyed']);
    });

    test('goes on beside a process that works: it reads on and writes under the new one, and what it sets, destroys or revokes meanwhile stays as it made it', async () => {
      await using beside = open(BOTH);
      await beside.journal.append(RUN, [said('beside')]);
      const ofAcme = (await beside.keys.store.list('acme')).map(({ id }) => id);
      let steps = 0;
      const meanwhile: Promise<unknown>[] = [];
      await using at = open(BOTH, () => {
        if (steps++ !== 0) return;
        meanwhile.push(beside.secrets.set('two', 'set meanwhile'), beside.lent.remove(leases[0] ?? ''), beside.keys.retire(ofAcme).then(() => beside.keys.destroy(ofAcme)), beside.secrets.set('three', 'made meanwhile'));
      });
      await at.change.change(OPERATOR, signal);
      await Promise.all(meanwhile);
      await beside.journal.append('run_01m7zgkc0ws2gs7h7z35f9gfrx', [said('afterwards')], { tenant: 'acme' });
      await using after = open(NEW);
      expect(await Promise.all(['one', 'two', 'three'].map((secret) => after.secrets.get(secret)))).toEqual(['the value of one', 'set meanwhile', 'made meanwhile']);
      expect(await after.lent.list()).toEqual({ records: [], unreadable: [] });
      expect((await after.journal.read(RUN)).map(({ type }) => type)).toEqual(['erased', 'erased']);
      expect((await after.journal.read('run_01m7zgkc0ws2gs7h7z35f9gfrx')).map(({ data }) => data)).toEqual([{ text: 'afterwards' }]);
    });

    test.each([
      ['another one before', { ...NEW, GLOVEBOX_PREVIOUS_MASTER_KEY: keyOf(3) }, /nothing was changed: 4 envelopes do not open, among them: secret one was sealed under master key \w{16}, and these are \w{16} and \w{16}:/],
      ['none before', NEW, /nothing was changed: 4 envelopes do not open, among them: secret one was sealed under master key \w{16}, and this is \w{16}:/],
      ['the same one before', { ...OLD, GLOVEBOX_PREVIOUS_MASTER_KEY: keyOf(1) }, /GLOVEBOX_MASTER_KEY and GLOVEBOX_PREVIOUS_MASTER_KEY have the same master key, \w{16}/],
      ['no new one', OLD, /there is one master key, that of GLOVEBOX_MASTER_KEY: give the new one in its place, and this one by GLOVEBOX_PREVIOUS_MASTER_KEY/],
    ])('with %s changes nothing, and says what is wrong', async (_, env, message) => {
      const before = recordsBelow(folder);
      await using at = open(env);
      await expect(at.change.change(OPERATOR, signal)).rejects.toThrow(message);
      expect(recordsBelow(folder)).toEqual(before);
      await readAll(OLD);
    });
  });
}

function recordsBelow(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
