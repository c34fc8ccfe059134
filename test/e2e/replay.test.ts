import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { atif, sweAgent } from '../support/trajectory-formats.ts';
import { stateJournal } from '../support/state-journal.ts';
import { User } from './glovebox.ts';

test('a run is done again from its journal, with its tools live, and in a copy that was tampered with; it is exported, imported and forked', async () => {
  using user = new User();
  const repository = user.checkout();
  const fixed = await user.run('fix', '--repo', repository, '--task', 'make the tests pass', '--model', user.transcript(), '--json');
  expect(fixed.code, fixed.stderr).toBe(0);
  const { run } = JSON.parse(fixed.stdout) as { run: string };

  const strict = await user.run('runs', 'replay', run);
  expect([strict.code, strict.stdout], strict.stderr).toEqual([0, expect.stringContaining('strict      identical: 4 steps in 1 go')]);

  const live = await user.run('runs', 'replay', run, '--live-tools', '--json');
  expect(live.code, live.stdout + live.stderr).toBe(0);
  const { live: told } = JSON.parse(live.stdout) as { live: { observations: { verdict: string; files: string[] }[] } };
  expect(told.observations).toHaveLength(4);
  expect(told.observations.flatMap(({ files }) => files)).toEqual([]);

  const copy = join(user.folder, 'copy');
  cpSync(user.env['GLOVEBOX_HOME'] ?? '', copy, { recursive: true });
  await tamper(copy, run);
  using other = new User({ GLOVEBOX_HOME: copy });
  const tampered = await other.run('runs', 'replay', run);
  expect(tampered.code, tampered.stderr).toBe(1);
  expect(tampered.stdout).toMatch(/^strict +DIFFERENT at step 2, event \d+: it sends another request than was recorded\n +at messages\[1\]\n[\s\S]*\+ assistant: I never said this\.\n/m);

  await exported(user, run, repository);

  const fork = await user.run('runs', 'fork', run, '--at', '2', '--model', user.transcript(), '--prompt', 'Go on.', '--json');
  expect(fork.code, fork.stderr).toBe(0);
  const forked = JSON.parse(fork.stdout) as { run: string; outcome: string; steps: number; patch: string };
  expect(forked).toMatchObject({ outcome: 'fixed', steps: 2, patch: expect.stringContaining('+++ b/src/split.js') });
  expect((await user.run('runs', 'show', forked.run)).stdout).toContain(`forked from ${run} at step 2`);
  expect(await user.containers()).toEqual([]);
});

/** The first reply of the model says something else. */
async function tamper(home: string, run: string): Promise<void> {
  await using journal = await stateJournal(home);
  const [first] = await Array.fromAsync(journal.scan(['model.ended'], { streams: [run] }));
  if (first === undefined) throw new Error('the model said nothing');
  using database = new DatabaseSync(join(home, 'journal.db'));
  const data = { ...first.data, reply: { ...first.data.reply, text: 'I never said this.' } };
  database.prepare('UPDATE events SET data = ? WHERE stream = ? AND seq = ?').run(JSON.stringify(data), run, first.seq);
}

async function exported(user: User, run: string, repository: string): Promise<void> {
  const file = join(user.folder, 'run.json');
  expect((await user.run('runs', 'export', run, '-o', file)).code).toBe(0);
  expect((await user.run('runs', 'export', run, '-o', file)).code).toBe(2);
  expect(atif.parse(JSON.parse(readFileSync(file, 'utf8'))).steps.at(-1)).toMatchObject({ source: 'agent', tool_calls: [{ function_name: 'submit' }] });
  expect(sweAgent.parse(JSON.parse((await user.run('runs', 'export', run, '--format', 'traj')).stdout)).info.submission).toContain('+++ b/src/split.js');
  const imported = await user.run('runs', 'import', file, '--repo', repository);
  expect(imported.code, imported.stderr).toBe(0);
  const again = await user.run('runs', 'replay', imported.stdout.trim(), '--live-tools');
  expect([again.code, again.stdout], again.stderr).toEqual([0, expect.stringContaining('strict      not done: another tool recorded this run')]);
}
