import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { FolderOwnership } from '../../../src/sandbox/folder-ownership.ts';
import { currentOwner, isOwnerDead, type Owner, ownerIs, ownerShape, ownerText, parseOwner } from '../../../src/sandbox/owner.ts';
import { SandboxState } from '../../../src/sandbox/state.ts';
import { ids, specOf } from '../../support/sandbox-commands.ts';

const DAY_MS = 24 * 3_600_000;
/** Whose pid means nothing here. */
const ELSEWHERE = [{ pidNamespace: 'pid:[1]' }, { host: 'another' }, { host: 'another', bootId: 'another' }, { host: 'another', pidNamespace: 'pid:[1]' }, { bootId: 'another' }];

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'glovebox-owner-'));
});
afterEach(() => {
  rmSync(stateDir, { recursive: true });
});

const locks = (): string[] => (existsSync(join(stateDir, 'owners')) ? readdirSync(join(stateDir, 'owners')) : []);

/** Another process that owns something here, until it is killed. */
async function otherOwner(): Promise<{ readonly owner: Owner; kill: () => Promise<void>; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('../../support/owner.ts', import.meta.url)), stateDir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  onTestFinished(() => void child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) })) as [Buffer];
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const end = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { owner: parseOwner(String(text).trim()) ?? expect.fail(`it said ${String(text)}`), kill, end };
}

test.each(ELSEWHERE)('an owner whose pid cannot be seen from here, with %o, lives until it is killed, by its lock', async (place) => {
  const { owner, kill } = await otherOwner();
  const seen = { ...owner, ...place };
  expect(ownerIs(seen, stateDir)).toBe('alive');
  expect(isOwnerDead(ownerText(seen), stateDir)).toBe(false);
  await kill();
  expect(ownerIs(seen, stateDir)).toBe('dead');
  expect(isOwnerDead(ownerText(seen), stateDir)).toBe(true);
  expect(ownerIs(owner, stateDir)).toBe('dead');
});

test('without a lock in this state folder nobody can tell, unless the machine was booted since', () => {
  const there = { ...currentOwner(), lock: 'a'.repeat(24) };
  expect(ELSEWHERE.map((place) => ownerIs({ ...there, ...place }, stateDir))).toEqual(['elsewhere', 'elsewhere', 'elsewhere', 'elsewhere', 'dead']);
  expect(ELSEWHERE.map((place) => ownerIs({ ...currentOwner(), ...place }, stateDir))).toEqual(['elsewhere', 'elsewhere', 'elsewhere', 'elsewhere', 'dead']);
  expect(ownerIs(there, stateDir)).toBe('alive');
  expect(existsSync(join(stateDir, 'owners'))).toBe(false);
});

test('a lock that cannot be looked at says nothing', () => {
  const lock = 'b'.repeat(24);
  mkdirSync(join(stateDir, 'owners', lock), { recursive: true });
  expect(ownerIs({ ...currentOwner(), host: 'another', lock }, stateDir)).toBe('elsewhere');
});

test('a process has one lock, from when it first owns something until it ends its work', () => {
  const ownership = new FolderOwnership(stateDir);
  expect(ownership.isDead('nonsense')).toBe(false);
  expect(locks()).toEqual([]);
  const { owner } = ownership;
  expect(parseOwner(ownership.name)).toEqual(owner);
  expect(locks()).toEqual([owner.lock]);
  // Looking at it from this very process does not let it go.
  for (let looks = 0; looks < 3; looks++) expect(ownerIs({ ...owner, host: 'another' }, stateDir)).toBe('alive');
  ownership[Symbol.dispose]();
  expect(locks()).toEqual([]);
});

test('a process that ends its work leaves no lock, and one that is killed one by which it is known to be dead for as long as somebody may ask', async () => {
  const [tidy, killed] = [await otherOwner(), await otherOwner()];
  await tidy.end();
  expect(locks()).toEqual([killed.owner.lock]);
  await killed.kill();
  using living = new FolderOwnership(stateDir);
  const lock = living.owner.lock ?? '';
  expect(locks().toSorted()).toEqual([`${killed.owner.lock}.dead`, lock].toSorted());
  const asked = { ...killed.owner, host: 'another' };
  expect(ownerIs(asked, stateDir)).toBe('dead');
  // The same a month later, and another month later it is forgotten; who lives is not, however long.
  const file = (name: string): string => join(stateDir, 'owners', name);
  const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);
  writeFileSync(file(`${'c'.repeat(24)}.new`), '');
  const next = (days: number): string[] => {
    for (const name of locks()) utimesSync(file(name), ago(days), ago(days));
    using another = new FolderOwnership(stateDir);
    const mine = another.owner.lock;
    return locks().filter((name) => name !== mine);
  };
  expect(next(32)).toContain(`${killed.owner.lock}.dead`);
  expect(ownerIs(asked, stateDir)).toBe('dead');
  expect(next(60)).toEqual([lock]);
  expect(ownerIs({ ...living.owner, host: 'another' }, stateDir)).toBe('alive');
  expect(ownerIs(asked, stateDir)).toBe('elsewhere');
});

test('where no lock can be had it is an owner all the same', () => {
  writeFileSync(join(stateDir, 'owners'), '');
  using ownership = new FolderOwnership(stateDir);
  expect(ownership.owner).toEqual(currentOwner());
  expect(ownerIs(ownership.owner, stateDir)).toBe('alive');
});

test('what older versions wrote is read, and nothing that is no name is taken for a lock', () => {
  const { host, bootId, pidNamespace, pid, startTicks } = currentOwner();
  const text = [host, bootId, pidNamespace, pid, startTicks].join('/');
  expect(parseOwner(text)).toEqual(currentOwner());
  expect(ownerText(currentOwner())).toBe(text);
  expect(isOwnerDead([host, bootId, pidNamespace, pid, '1'].join('/'), stateDir)).toBe(true);
  expect(ownerShape.parse({ host, bootId, pidNamespace, pid, startTicks })).toEqual(currentOwner());
  for (const lock of ['', '..', 'A'.repeat(24), 'a'.repeat(23), `${'a'.repeat(24)}.dead`, `${'a'.repeat(24)}/x`]) expect(parseOwner(`${text}/${lock}`)).toBeUndefined();
});

test('a record of a sandbox, and a number of it that was taken, are free when their owner in another container is killed', async () => {
  const { owner, kill } = await otherOwner();
  const there = { ...owner, pidNamespace: 'pid:[1]' };
  const { id } = SandboxState.create(stateDir, { id: ids.next('sbx'), kind: 'container', owner: there, createdMs: 1, spec: specOf() });
  writeFileSync(join(stateDir, 'sandboxes', `${id}.json.1`), ownerText(there));
  expect(SandboxState.read(stateDir, id)).toMatchObject({ ownerIs: 'alive', isAnsweredFor: true });
  using ownership = new FolderOwnership(stateDir);
  expect(() => SandboxState.read(stateDir, id).claim(ownership.owner)).toThrow(/taken the sandbox over/);
  await kill();
  const left = SandboxState.read(stateDir, id);
  expect(left).toMatchObject({ ownerIs: 'dead', isAnsweredFor: false });
  left.claim(ownership.owner);
  expect(SandboxState.read(stateDir, id).owner).toEqual(ownership.owner);
});
