import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GloveboxError, SandboxId } from '../../../src/contracts/index.ts';
import { currentOwner, ownerIs, ownerText, parseOwner } from '../../../src/sandbox/owner.ts';
import { SandboxState } from '../../../src/sandbox/state.ts';
import { ids, specOf } from '../../support/sandbox-commands.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'glovebox-state-'));
});
afterEach(() => {
  rmSync(stateDir, { recursive: true });
});

const make = (): SandboxState => SandboxState.create(stateDir, { id: ids.next('sbx'), kind: 'container', owner: currentOwner(), createdMs: 1, spec: specOf(), resource: { a: 'b' } });

test('what was written is read back, and only we may read it', () => {
  const state = make();
  const read = SandboxState.read(stateDir, state.id);
  expect([read.id, read.kind, read.owner, read.createdMs, read.resource, read.keys]).toEqual([state.id, 'container', state.owner, 1, { a: 'b' }, state.keys]);
  expect(statSync(join(stateDir, 'sandboxes', `${state.id}.json`)).mode & 0o777).toBe(0o600);
  expect(state.keys.toGuest).not.toEqual(state.keys.fromGuest);
});

test('an epoch is on disk before anybody can use it', () => {
  const state = make();
  expect(state.attach()).toEqual({ first: true, epoch: 1 });
  expect(SandboxState.read(stateDir, state.id).attach()).toEqual({ first: false, epoch: 2 });
});

test('whoever was overtaken may not attach again', () => {
  const state = make();
  state.attach();
  SandboxState.read(stateDir, state.id).attach();
  expect(() => state.attach()).toThrow(expect.objectContaining({ code: 'sandbox_lost', details: { superseded: true } }) as Error);
});

test('of those who read the same record one can change it, and the others have been overtaken', () => {
  const { id } = make();
  const readers = Array.from({ length: 4 }, () => SandboxState.read(stateDir, id));
  const outcomes = readers.map((state) => {
    try {
      state.claim({ ...currentOwner(), startTicks: 'mine' });
      return 'has it';
    } catch (error) {
      return (error as GloveboxError).details['superseded'];
    }
  });
  expect(outcomes).toEqual(['has it', true, true, true]);
  expect(readers.map(({ isOvertaken }) => isOvertaken)).toEqual([false, true, true, true]);
  for (const change of [() => readers[1]?.reserveStreams(), () => readers[2]?.setEnv({}), () => readers[3]?.attach()]) expect(change).toThrow(/taken the sandbox over/);
  expect(SandboxState.read(stateDir, id).owner.startTicks).toBe('mine');
});

test('an epoch that a dead process took and never used is passed over', () => {
  const state = make();
  writeFileSync(join(stateDir, 'sandboxes', `${state.id}.json.1`), ownerText({ ...currentOwner(), startTicks: '1' }));
  expect(state.attach()).toEqual({ first: true, epoch: 2 });
  expect(readdirSync(join(stateDir, 'sandboxes'))).toEqual([`${state.id}.json`, `${state.id}.json.2`]);
});

test('what is being removed is nobody’s to adopt, and anybody’s to remove', () => {
  const state = make();
  expect(state.isAnsweredFor).toBe(true);
  state.giveUp();
  const found = SandboxState.read(stateDir, state.id);
  expect(found.isAnsweredFor).toBe(false);
  expect(() => found.claim(currentOwner())).toThrow(/being removed/);
  found.doom(currentOwner());
  // Somebody else is at it: that is no error of ours.
  state.giveUp();
});

test('what it was asked to be is read back, with the environment that it has now', () => {
  const state = make();
  state.setEnv({ A: 'b' });
  expect(SandboxState.read(stateDir, state.id).spec).toEqual({ ...specOf(), env: { A: 'b' } });
});

test('stream numbers are set aside for one host alone', () => {
  const state = make();
  const mine = state.reserveStreams();
  const theirs = SandboxState.read(stateDir, state.id).reserveStreams();
  expect(mine.first).toBe(1);
  expect(theirs.first).toBe(mine.end);
});

test('removing leaves nothing, and may be repeated', () => {
  const state = make();
  state.attach();
  state.remove();
  state.remove();
  expect(readdirSync(join(stateDir, 'sandboxes'))).toEqual([]);
  expect(() => SandboxState.read(stateDir, state.id)).toThrow(expect.objectContaining({ code: 'not_found' }) as Error);
});

test('listing names what cannot be read, and goes on', () => {
  const state = make();
  const broken = join(stateDir, 'sandboxes', `${ids.next('sbx')}.json`);
  writeFileSync(broken, '{"version":1');
  writeFileSync(join(stateDir, 'sandboxes', 'other.txt'), '');
  const { states, unreadable } = SandboxState.list(stateDir);
  expect(states.map(({ id }) => id)).toEqual([state.id]);
  expect(unreadable).toEqual([broken]);
  expect(SandboxState.list(join(stateDir, 'nowhere'))).toEqual({ states: [], unreadable: [] });
});

test('an id that is a path is refused', () => {
  expect(() => SandboxState.read(stateDir, '../../etc/passwd' as SandboxId)).toThrow(expect.objectContaining({ code: 'usage' }) as Error);
});

test('an owner is known by more than its pid', () => {
  const owner = currentOwner();
  expect(parseOwner(ownerText(owner))).toEqual(owner);
  expect(ownerIs(owner, stateDir)).toBe('alive');
  expect(ownerIs({ ...owner, startTicks: '1' }, stateDir)).toBe('dead');
  expect(ownerIs({ ...owner, pid: 2 ** 30 }, stateDir)).toBe('dead');
  expect(ownerIs({ ...owner, bootId: 'another' }, stateDir)).toBe('dead');
  expect(ownerIs({ ...owner, host: 'another' }, stateDir)).toBe('elsewhere');
  expect(ownerIs({ ...owner, pidNamespace: 'another' }, stateDir)).toBe('elsewhere');
  expect(parseOwner('nonsense')).toBeUndefined();
  expect(parseOwner(`${ownerText(owner)}/more`)).toBeUndefined();
});
