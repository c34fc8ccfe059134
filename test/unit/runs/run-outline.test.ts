import { expect, test } from 'vitest';
import type { Journal } from '../../../src/contracts/index.ts';
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
