import { expect, test } from 'vitest';
import type { Journal, NewEvent } from '../../../src/contracts/index.ts';
import { FencedJournal } from '../../../src/runs/fenced-journal.ts';
import { Runs } from '../../../src/runs/index.ts';
import { calling, rig, ScriptedModel, tinyShell } from './rig.ts';

/** Counts what is read. */
class CountedJournal extends FencedJournal {
  events = 0;

  constructor(journal: Journal) {
    super(journal, 'none', 0);
  }

  override async read(...args: Parameters<Journal['read']>): ReturnType<Journal['read']> {
    const events = await super.read(...args);
    this.events += events.length;
    return events;
  }

  override async skim(...args: Parameters<Journal['skim']>): ReturnType<Journal['skim']> {
    const events = await super.skim(...args);
    this.events += events.length;
    return events;
  }
}

test('a list tells of a run what the whole of it tells, and reads of one that ended a few events only', async () => {
  const steps = Array.from({ length: 30 }, (_, step) => calling('shell', { command: `look ${step}` }));
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([...steps, calling('submit', { summary: 'done' })]) });
  const id = await at.create();
  await at.runs.execute(id);
  await at.runs.exported(id, 'apply', '/nowhere');
  const waiting = await at.create({ task: 'another' });

  const journal = new CountedJournal(at.ports.journal);
  const [begun, ended, ...others] = await new Runs({ ...at.ports, journal }).list();
  const length = (await at.events(id)).length;
  expect(length).toBeGreaterThan(100);
  expect(journal.events).toBeLessThan(40);
  expect(others).toEqual([]);
  expect(begun?.state).toEqual(await at.runs.show(waiting));
  const { status, task, repository, createdMs, spent, waitingFor, summary } = await at.runs.show(id);
  expect(ended).toMatchObject({ id, running: false, state: { status, task, repository, createdMs, spent, waitingFor, summary } });
  expect(status).toBe('ended');
});

test('of one that did not end only what a list tells is read, unless it seems to wait for somebody', async () => {
  await using at = rig({ interpreter: tinyShell, model: new ScriptedModel([]) });
  const { journal } = at.ports;
  const deeds = Array.from({ length: 50 }, () => ({ type: 'file.changed', data: { sandbox: 'box', operation: 'write', path: '/workspace/a', bytes: 1 } }) as const);
  const outlined = async (id: string) => {
    const counted = new CountedJournal(journal);
    const listed = (await new Runs({ ...at.ports, journal: counted }).list()).find((run) => run.id === id)?.state;
    return { state: listed, read: counted.events };
  };
  const id = await at.create();
  await journal.append(id, [...deeds, { type: 'run.submitted', data: { summary: 'soon' } }, ...deeds]);
  const interrupted = await outlined(id);
  const { status, task, spent, waitingFor, life } = await at.runs.show(id);
  expect(interrupted.state).toMatchObject({ status, task, spent, life });
  expect([interrupted.state?.waitingFor, waitingFor]).toEqual([undefined, undefined]);
  expect(interrupted.read).toBeLessThan(20);

  await journal.append(id, [{ type: 'approval.awaited', data: { approval: 'apr_1', request: { action: 'export', files: [] } } } as unknown as NewEvent, ...deeds]);
  expect((await outlined(id)).state?.waitingFor).toBe('apr_1');
  await journal.append(id, [{ type: 'decision', data: { allowed: true } } as unknown as NewEvent, ...deeds]);
  expect((await outlined(id)).state?.waitingFor).toBeUndefined();
});
