import { expect, test } from 'vitest';
import { GloveboxError, type Journal, type RunId } from '../../src/contracts/index.ts';
import { Replays, Runs } from '../../src/runs/index.ts';
import { calling, rig, ScriptedModel, tinyShell, type Rig } from '../unit/runs/rig.ts';

const USD = 0.25;
const { signal } = new AbortController();

/** Each command leaves a line more: an effect that happened twice, or not at all, is in the patch. */
const script = () =>
  new ScriptedModel(
    [
      calling('shell', { command: 'append log.txt one' }),
      { calls: [...(calling('shell', { command: 'append log.txt two' }).calls ?? []), ...(calling('shell', { command: 'append log.txt three' }).calls ?? [])] },
      { text: 'words without a call' },
      calling('edit', { command: 'str_replace', path: 'a.txt', old_str: 'bad', new_str: 'good' }),
      calling('shell', { command: 'look' }),
      calling('submit', { summary: 'made it good' }),
    ],
    USD,
  );

/** Dies before the n-th append, with everything done that comes before it, and takes the sandboxes with it; nothing of it is written later. */
function dying(at: Rig, position: number): { journal: Journal; died: () => boolean } {
  let appends = 0;
  let isDead = false;
  const real = at.ports.journal;
  const die = (): never => {
    isDead = true;
    for (const sandbox of at.sandboxes.created) sandbox.vanish('the process died');
    throw new GloveboxError('journal_failed', 'the process died');
  };
  const journal: Journal = {
    append: async (stream, events, options) => {
      const mine = (appends += 1);
      if (isDead || mine === position) return die();
      return real.append(stream, events, options);
    },
    read: (stream, afterSeq) => real.read(stream, afterSeq),
    skim: (stream, options) => real.skim(stream, options),
    follow: (stream, options) => real.follow(stream, options),
    scan: (types, options) => real.scan(types, options),
    streams: (options) => real.streams(options),
    verify: (stream) => real.verify(stream),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { journal, died: () => isDead };
}

/** What a person would compare: the patch, what was said and what happened, and how often. */
async function story(at: Rig, id: RunId) {
  const state = await at.runs.show(id);
  const summary = await at.runs.execute(id);
  const said = state.messages.flatMap((message) => (message.role === 'user' && !message.text.startsWith('The run was interrupted') ? [message.text] : []));
  const settled = (await at.events(id)).flatMap((event) => (event.type === 'tool.ended' ? [[event.data.outcome.callId, event.data.outcome.text]] : []));
  return {
    outcome: summary.outcome,
    detail: summary.detail,
    files: summary.files,
    steps: summary.steps,
    patch: (await at.runs.patch(id)).text.toString(),
    said,
    settled,
    tested: [await at.count(id, 'run.tested'), state.before?.passed, state.after?.passed],
    ended: await at.count(id, 'run.ended'),
  };
}

async function undisturbed(model: ScriptedModel) {
  await using at = rig({ interpreter: tinyShell, model });
  const id = await at.create();
  await at.runs.execute(id);
  return { expected: await story(at, id), usd: (await at.runs.show(id)).summary?.usd ?? 0 };
}

test('a run that dies at any position of its journal, and its sandboxes with it, comes to the same result, with each effect once', { timeout: 300_000 }, async () => {
  const model = script();
  const { expected, usd } = await undisturbed(model);
  expect(expected).toMatchObject({ outcome: 'fixed', files: ['a.txt', 'log.txt'], steps: 6 });
  expect(expected.patch).toContain('+one\n+two\n+three\n');
  await using at = rig({ interpreter: tinyShell, model });
  let deaths = 0;
  for (let position = 1; ; position++) {
    const id = await at.create();
    const { journal, died } = dying(at, position);
    const askedBefore = model.requests.length;
    await new Runs({ ...at.ports, journal }).execute(id).catch((error: unknown) => error);
    if (!died()) break;
    deaths += 1;
    const summary = await at.runs.execute(id);
    const asked = model.requests.length - askedBefore;
    const where = `died before append ${position}`;
    expect(await story(at, id), where).toEqual(expected);
    // One model call at most was under way: it is made again, and what it may have cost is kept.
    expect(asked, where).toBeLessThanOrEqual(7);
    expect([usd, usd + USD], where).toContain(summary.usd);
    expect(summary.usd, where).toBeGreaterThanOrEqual(USD * asked);
    expect(at.sandboxes.alive, where).toBe(0);
    // Each of them does; a fifth is looked at, for it takes its time.
    if (position % 5 === 0) expect(await new Replays(at.ports, at.runs).strict(id, signal), where).toMatchObject({ identical: true, strict: { steps: 6 } });
  }
  expect(deaths).toBeGreaterThan(60);
  await at.ports.journal.verify();
});

test('a run that is stopped says how to go on, writes nothing false, and comes to the same result', async () => {
  const model = script();
  const { expected } = await undisturbed(model);
  for (const stopAt of ['append log.txt one', 'append log.txt three', 'look', 'check'] as const) {
    const stop = new AbortController();
    let isFirst = true;
    await using at = rig({
      model,
      interpreter: (command) => {
        if (!isFirst || command.argv.at(-1) !== stopAt) return tinyShell(command);
        isFirst = false;
        // In the middle of the command: its effect is there, its end is not.
        tinyShell(command);
        setImmediate(() => stop.abort());
        return { hangs: true };
      },
    });
    const id = await at.create();
    await expect(at.runs.execute(id, { signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled', message: expect.stringContaining(`glovebox runs resume ${id}`) });
    expect(at.sandboxes.alive).toBe(0);
    expect(await at.count(id, 'run.ended')).toBe(0);
    const settled = await at.count(id, 'tool.ended');
    expect((await at.runs.show(id)).status).toBe('started');
    await at.runs.execute(id);
    expect(await story(at, id), stopAt).toEqual(expected);
    expect(await at.count(id, 'run.resumed')).toBe(1);
    expect(settled).toBeLessThan(6);
  }
});

test('a model call that is stopped is kept at its worst case and made again', async () => {
  const stop = new AbortController();
  let isFirst = true;
  const model = new ScriptedModel(
    [
      () => {
        if (isFirst) stop.abort();
        isFirst = false;
        return calling('shell', { command: 'set a.txt good' });
      },
      calling('submit', { summary: 'done' }),
    ],
    USD,
  );
  await using at = rig({ interpreter: tinyShell, model });
  const id = await at.create();
  await expect(at.runs.execute(id, { signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
  expect((await at.runs.show(id)).spent).toMatchObject({ usd: USD, steps: 0 });
  expect(await at.runs.execute(id)).toMatchObject({ outcome: 'fixed', steps: 2, usd: 3 * USD });
});

test('a signal that fired before leaves a run as it was', async () => {
  await using at = rig({ interpreter: tinyShell, model: script() });
  const id = await at.create();
  await expect(at.runs.execute(id, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  expect((await at.runs.show(id)).status).toBe('created');
  expect(at.sandboxes.created).toHaveLength(0);
});
