import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { randomIds, type Sandbox, systemClock } from '../../../src/contracts/index.ts';
import { SqliteJournal } from '../../../src/journal/index.ts';
import { Session } from '../../../src/session/index.ts';
import { TESTER } from '../../support/principal.ts';
import { FakeSandboxes } from '../runs/fake-sandboxes.ts';
import { policyOf } from '../runs/rig.ts';

// What a session takes for idleness, and what it does not.
const IDLE_MS = 1000;
const policy = policyOf(undefined, { session: { wallMs: 3_600_000, idleMs: IDLE_MS } });
let folder: string;
let journal: SqliteJournal;
let session: Session | undefined;

/** Has a sandbox when the test says so. */
class SlowSandboxes extends FakeSandboxes {
  readonly ready = Promise.withResolvers<void>();

  constructor() {
    super(() => ({ stdout: '' }));
  }

  override async create(): Promise<Sandbox> {
    await this.ready.promise;
    return super.create();
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glovebox-idle-'));
  journal = new SqliteJournal(join(folder, 'journal.db'));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await session?.close();
  await journal[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function open(sandboxes: SlowSandboxes): Promise<Session> {
  session = await Session.open({ journal, sandboxes, clock: systemClock, ids: randomIds(systemClock) }, { principal: TESTER, policy });
  return session;
}

test('who waits for a sandbox is not idle, however long it takes; who has one and does nothing is', async () => {
  const sandboxes = new SlowSandboxes();
  const { signal } = await open(sandboxes);
  const opening = session!.sandbox('test');
  await vi.advanceTimersByTimeAsync(10 * IDLE_MS);
  expect(signal.aborted).toBe(false);
  sandboxes.ready.resolve();
  await opening;
  await vi.advanceTimersByTimeAsync(2 * IDLE_MS);
  expect(signal.aborted).toBe(true);
});

test('who sends an archive piece by piece is not idle, if each piece takes less than that', async () => {
  const sandboxes = new SlowSandboxes();
  sandboxes.ready.resolve();
  const { signal } = await open(sandboxes);
  const sandbox = await session!.sandbox('test');
  const slowly = async function* (): AsyncGenerator<Buffer> {
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(IDLE_MS * 0.9);
      expect(signal.aborted).toBe(false);
      yield Buffer.alloc(512);
    }
  };
  await sandbox.files.unpack('/workspace', slowly());
  expect(signal.aborted).toBe(false);
});
