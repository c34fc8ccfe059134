import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Authority, Journal, LiveSandbox, Principal, Stop, SweepOptions } from '../../src/contracts/index.ts';
import { readAuthority } from '../../src/policy/index.ts';
import { halt, JournalControl } from '../../src/session/index.ts';
import { journalIn } from '../support/journal-in.ts';

const RUN = { tenant: 'acme', stream: 'run_1' };
const ALL = { what: 'all' } as const;
const ACME = { what: 'tenant', tenant: 'acme' } as const;

/** What the kill switch has to do, whatever the store. `prepare` makes a new folder one of the store's. */
export function testControl(prepare: (folder: string) => Promise<void>): void {
  let folder: string;
  let authority: Authority;
  let journal: Journal;
  let control: JournalControl;
  let ann: Principal;
  let eve: Principal;
  let vic: Principal;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'glovebox-control-'));
    writeFileSync(join(folder, 'roles.yaml'), 'users:\n  ann: { tenant: acme, roles: [administrator] }\n  eve: { tenant: evil, roles: [administrator] }\n  vic: { tenant: acme, roles: [operator] }\n');
    authority = await readAuthority(join(folder, 'roles.yaml'));
    [ann, eve, vic] = [authority.principal('ann'), authority.principal('eve'), authority.principal('vic')];
    await prepare(folder);
    journal = journalIn(folder);
    control = new JournalControl({ journal, authority });
    await journal.append('run_1', [{ type: 'session.opened', data: { principal: 'user:vic', tenant: 'acme', policy: 'p', policyHash: 'h' } }], { tenant: 'acme' });
  });

  afterEach(async () => {
    control[Symbol.dispose]();
    await journal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test('only who administers a tenant stops it, or lifts it; of a run of another tenant he is not even told', async () => {
    await expect(control.stop(vic, { scope: ACME, freeze: false })).rejects.toMatchObject({ code: 'denied' });
    await expect(control.stop(eve, { scope: ACME, freeze: false })).rejects.toMatchObject({ code: 'denied' });
    await expect(control.stop(eve, { scope: { what: 'run', run: 'run_1' }, freeze: false })).rejects.toMatchObject({ code: 'not_found' });
    await expect(control.stop(ann, { scope: { what: 'run', run: 'run_' }, freeze: false })).rejects.toMatchObject({ code: 'not_found' });
    await control.stop(ann, { scope: ACME, freeze: false, why: 'why not' });
    expect(await control.lift(eve, {})).toEqual([]);
    await expect(control.lift(eve, { scope: ACME })).rejects.toMatchObject({ code: 'denied' });
    expect([await control.stops(vic), await control.stops(eve)]).toMatchObject([[{ scope: ACME, by: 'user:ann', why: 'why not' }], []]);
    expect(await control.stopOf({ tenant: 'evil', stream: 'run_2' })).toBeUndefined();
    expect(await control.lift(ann, {})).toMatchObject([{ scope: ACME }]);
    expect(await control.stopOf(RUN)).toBeUndefined();
  });

  test('a stop that ends wins over one that freezes, and the last word on a scope counts', async () => {
    await control.stop(ann, { scope: ALL, freeze: true });
    expect(await control.stopOf(RUN)).toMatchObject({ scope: ALL, freeze: true });
    await control.stop(ann, { scope: { what: 'run', run: 'run_1' }, freeze: false });
    expect(await control.stopOf(RUN)).toMatchObject({ scope: { what: 'run' }, freeze: false });
    await control.stop(ann, { scope: { what: 'run', run: 'run_1' }, freeze: true });
    expect(await control.stopOf(RUN)).toMatchObject({ freeze: true });
    await control.lift(ann, { scope: ALL });
    expect(await control.stopOf(RUN)).toMatchObject({ scope: { what: 'run' } });
  });

  test('who watches hears what another process says, once, and of nothing that is about others', async () => {
    const heard: (Stop | undefined)[] = [];
    const heardOf = Promise.withResolvers<void>();
    using watching = control.watch(RUN, (stop) => {
      heard.push(stop);
      if (heard.length === 2) heardOf.resolve();
    });
    await using elsewhere = journalIn(folder);
    const other = new JournalControl({ journal: elsewhere, authority });
    await other.stop(eve, { scope: { what: 'tenant', tenant: 'evil' }, freeze: false });
    await other.stop(ann, { scope: ACME, freeze: false, why: 'x' });
    await other.lift(ann, { scope: ACME });
    await heardOf.promise;
    expect(heard).toMatchObject([{ scope: ACME, freeze: false, why: 'x' }, undefined]);
    void watching;
  });

  test('what does not end by itself is ended, and only that of the tenant; leases are revoked whatever becomes of it', async () => {
    const live = (id: string): LiveSandbox => ({ id, kind: 'container', image: 'i', createdMs: 0, owner: 'alive', paused: false }) as LiveSandbox;
    let running = ['a', 'b', 'c', 'nobodys'].map(live);
    const created = (sandbox: string) => ({ type: 'sandbox.created' as const, data: { sandbox, kind: 'container' as const, image: 'i', limitsAre: 'hard' as const, purpose: 't' } });
    await journal.append('run_1', [created('a'), created('b')]);
    await journal.append('ses_evil', [{ type: 'session.opened', data: { principal: 'user:eve', tenant: 'evil', policy: 'p', policyHash: 'h' } }, created('c')]);
    const swept: string[] = [];
    const sandboxes = {
      list: async () => running,
      sweep: async ({ doomed = new Set() }: SweepOptions = {}) => {
        running = running.filter(({ id }) => !doomed.has(id));
        swept.push(...doomed);
        return [...doomed];
      },
    };
    const revoke = async (isOf: (about: { tenant: string; stream: string } | undefined) => boolean) => ({ revoked: [RUN, { tenant: 'evil', stream: 'ses_evil' }, undefined].filter(isOf).map((about) => about?.stream ?? 'old'), failed: [] });
    const ports = { journal, sandboxes, revoke };
    expect(await halt(ports, ACME, new AbortController().signal, 0)).toEqual({ killed: ['a', 'b'], left: 0, revoked: ['run_1'], failed: [] });
    expect(await halt(ports, ALL, new AbortController().signal, 0)).toMatchObject({ killed: ['c', 'nobodys'], left: 0, revoked: ['run_1', 'ses_evil', 'old'] });
    expect(swept).toEqual(['a', 'b', 'c', 'nobodys']);
  });
}
