// The same commands on this machine and at a server: what they print and how they end is the same.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { gitServer } from '../support/git-server.ts';
import { httpsServer } from '../support/https-server.ts';
import { ModelServer } from '../support/model-server/model-server.ts';
import { User } from './glovebox.ts';

const TERMINAL = fileURLToPath(new URL('terminal.py', import.meta.url));
const CURE = "sed -i 's/shares\\[i\\] += 1/shares[order[i]] += 1/' src/split.js && npm test";

type Where = 'here' | 'at a server';

interface Placed {
  readonly user: User;
  /** Whose state it is: the user's own, or the server's. */
  readonly home: string;
  stop(): Promise<void>;
}

/** Somebody whose commands are done there, under a policy `asking` that asks about `git`. */
async function placed(where: Where, env: Readonly<Record<string, string>> = {}): Promise<Placed> {
  const operator = new User(env);
  const home = operator.env['GLOVEBOX_HOME'] ?? '';
  mkdirSync(join(operator.folder, 'policies/asking'), { recursive: true });
  writeFileSync(join(operator.folder, 'policies/asking/policy.yaml'), 'name: asking\nextends: exec\ncommands: { ask: [{ program: git, reason: somebody looks at it }] }\napprovals: { own: true, expires: 10m }\n');
  if (where === 'here') return { user: operator, home, stop: async () => operator[Symbol.dispose]() };
  const server = operator.start(['serve', '--port', '0', '--workers', '0']);
  await Promise.all([server.says('listening at '), server.prints('\n')]);
  const user = new User({ GLOVEBOX_URL: /listening at (\S+)/.exec(server.soFar.stderr)?.[1] ?? '', GLOVEBOX_KEY_FILE: join(operator.folder, 'key') });
  writeFileSync(join(operator.folder, 'key'), server.soFar.stdout, { mode: 0o600 });
  const stop = async (): Promise<void> => {
    server.child.kill('SIGTERM');
    await server.ended;
    for (const each of [user, operator]) each[Symbol.dispose]();
  };
  return { user, home, stop };
}

/** What is asked, and how it ends. */
const TABLE: readonly (readonly [args: readonly string[], ended: object])[] = [
  [['exec', '--kind', 'process', '--env', 'A=b', '--', 'sh', '-c', 'echo $A; echo err >&2; kill -TERM $$'], { code: 143, stdout: 'b\n', stderr: 'err\n' }],
  [['exec', '--kind', 'process', '--timeout', '500ms', '--', 'sleep', '60'], { code: 124, stdout: '', stderr: 'glovebox: ended by timeout\n' }],
  [['exec', '--kind', 'process', '--', 'no-such-program'], { code: 127, stdout: '', stderr: 'glovebox: could not start: ENOENT\n' }],
  [['exec', '--kind', 'process', '--workspace', 'given', '--', 'cat', 'note.txt'], { code: 0, stdout: 'given' }],
  [['exec', '--kind', 'process', '--json', '--', 'echo', 'hello'], { code: 0, stdout: expect.stringMatching(/^\{"session":"ses_.*"cause":"exited","exitCode":0,/), stderr: 'hello\n' }],
  [['exec', '--policy', 'code-fix', '--', 'sudo', 'id'], { code: 126, stdout: '', stderr: expect.stringContaining('glovebox: denied by commands.deny') }],
  [['exec', '--policy', 'no-such', '--', 'true'], { code: 2, stdout: '', stderr: expect.stringContaining('there is no policy no-such') }],
  [['js', '-e', 'console.log("aside"); export default [1, 2].map(x => x * 2)'], { code: 0, stdout: '[2,4]\n', stderr: 'aside\n' }],
  [['js', '-e', 'throw new RangeError("too small")'], { code: 1, stdout: '', stderr: expect.stringContaining('RangeError: too small') }],
  [['js', '-e', '1', '--policy', 'exec'], { code: 126, stdout: '', stderr: expect.stringContaining('no javascript') }],
  [['runs', 'list'], { code: 0, stdout: '', stderr: 'there are no runs yet\n' }],
  [['policy', 'test', 'code-fix', 'exec'], { code: 0, stdout: expect.stringMatching(/^code-fix: \d+ held, 0 failed;/) }],
  [['audit', 'checkpoint'], { code: 0, stdout: expect.stringMatching(/^glovebox\/journal-/) }],
  [['audit', 'verify'], { code: 0, stdout: expect.stringContaining('as it was written: ') }],
];

const places = {} as Record<Where, Placed>; // filled before any test
beforeAll(async () => {
  for (const where of ['here', 'at a server'] as const) {
    const place = await placed(where);
    mkdirSync(join(place.user.folder, 'given'));
    writeFileSync(join(place.user.folder, 'given', 'note.txt'), 'given');
    places[where] = place;
  }
});
afterAll(() => Promise.all(Object.values(places).map((place) => place.stop())));

test.each(TABLE)('glovebox %j ends here as it does at a server', async (args, ended) => {
  const [here, there] = await Promise.all([places['here'].user.run(...args), places['at a server'].user.run(...args)]);
  expect(here, 'here').toMatchObject(ended);
  expect(there, 'at a server').toMatchObject(ended);
});

describe.each<Where>(['here', 'at a server'])('%s', (where) => {
  let place: Placed;
  beforeAll(() => {
    place = places[where];
  });

  test('glovebox exec -i passes stdin on', async () => {
    const started = place.user.start(['exec', '-i', '--kind', 'process', '--', 'wc', '-c']);
    started.child.stdin?.end('x'.repeat(300_000));
    expect(await started.ended).toMatchObject({ code: 0, stdout: '300000\n' });
  });

  test('glovebox secrets set reads one from stdin, and remove forgets it', async () => {
    const started = place.user.start(['secrets', 'set', 'forge']);
    started.child.stdin?.end('hush-hush\n');
    expect(await started.ended).toMatchObject({ code: 0 });
    expect((await place.user.run('secrets', 'list')).stdout).toMatch(/^forge +set 20/);
    expect((await place.user.run('secrets', 'remove', 'forge')).code).toBe(0);
  });

  test('glovebox exec waits for whoever may say yes, and ends with 126 when he says no', async () => {
    const asking = place.user.start(['exec', '--policy', 'asking', '--kind', 'process', '--', 'git', 'push']);
    asking.child.stdin?.end();
    await asking.says('glovebox approve apr_');
    const [approval] = (JSON.parse((await place.user.run('approvals', '--json')).stdout) as { approvals: { id: string }[] }).approvals;
    expect(await place.user.run('deny', approval?.id ?? '', '--why', 'not today')).toMatchObject({ code: 0, stderr: expect.stringContaining('not today') });
    expect(await asking.ended).toMatchObject({ code: 126, stdout: '', stderr: expect.stringContaining('not today') });
  });

  test('glovebox shell is a terminal', async () => {
    const person = place.user.startWith('python3', [TERMINAL, process.execPath], ['shell', '--kind', 'process']);
    const types = (text: string): void => void person.child.stdin?.write(`${JSON.stringify({ type: text })}\n`);
    await person.prints('$ ');
    types('stty size; echo "is $TERM"\r');
    await person.prints('30 100');
    person.child.stdin?.write(`${JSON.stringify({ resize: [120, 40] })}\n`);
    types('until [ "$(stty size)" = "40 120" ]; do :; done; echo resi"zed"\r');
    await person.prints('resized');
    types('exit 7\r');
    expect(await person.ended).toMatchObject({ code: 7 });
  });
});

test.each<Where>(['here', 'at a server'])('glovebox fix of a repository by its address, %s', async (where) => {
  await using model = await ModelServer.start({ text: 'I will mend it.', calls: [{ name: 'shell', input: { command: CURE } }] }, { calls: [{ name: 'submit', input: { summary: 'the order is used' } }] });
  using origin = new User();
  origin.checkout();
  const { address, certificate } = await httpsServer(gitServer(origin.folder));
  const { user, home, stop } = await placed(where, { ...model.env, GIT_SSL_CAINFO: certificate });
  onTestFinished(stop);
  using operator = new User({ ...model.env, GLOVEBOX_HOME: home });
  const worker = operator.start(['worker', '--name', 'theirs']);
  const task = ['--repo', `${address}/repository-javascript/.git`, '--task', 'make the tests pass', '--model', 'openai-chat:any'];
  const patch = join(user.folder, 'mended.patch');
  const ended = await user.run('fix', ...task, '--patch', patch);
  expect(ended).toMatchObject({ code: 0, stdout: '' });
  for (const said of ['tests       red as it came', 'step 1      I will mend it.', 'fixed: the agent submitted', `patch     written to ${patch}`]) expect(ended.stderr).toContain(said);
  expect(readFileSync(patch, 'utf8')).toContain('shares[order[i]] += 1;');
  const id = /run +(run_[0-9a-z]{26})/.exec(ended.stderr)?.[1] ?? '';
  expect((await user.run('runs', 'list')).stdout).toMatch(new RegExp(`^${id}  fixed `));
  expect(await user.run('runs', 'show', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('after       npm test: exit 0') });
  expect(await user.run('runs', 'watch', id)).toMatchObject({ code: 0, stderr: expect.stringContaining('step 2') });
  expect((await user.run('runs', 'show', id, '--patch')).stdout).toContain('shares[order[i]] += 1;');
  expect(await user.run('runs', 'replay', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('the run comes out as it was') });
  expect(JSON.parse((await user.run('runs', 'export', id)).stdout)).toMatchObject({ schema_version: expect.stringContaining('ATIF') });
  worker.child.kill('SIGTERM');
  await worker.ended;
  const fork = (await user.run('runs', 'fork', id, '--at', '1', '--only-create')).stdout.trim();
  expect(await user.run('runs', 'cancel', fork, '--why', 'enough')).toMatchObject({ code: 0 });
  expect(await user.run('runs', 'pause', id)).toMatchObject({ code: 2, stderr: `glovebox: ${id} has ended: fixed\n` });
});

describe('what a server is told', () => {
  test('is a key, from the environment or a file, and never an argument; and what it cannot do is said in a sentence', async () => {
    using user = new User({ GLOVEBOX_URL: 'http://127.0.0.1:9' });
    expect(await user.run('runs', 'list')).toMatchObject({ code: 2, stderr: expect.stringContaining('GLOVEBOX_KEY') });
    user.env['GLOVEBOX_KEY'] = 'gbx_x';
    for (const [args, said] of [
      [['doctor'], '`glovebox doctor` works on the machine itself, not at a server: leave --server and GLOVEBOX_URL away'],
      [['gc'], '`glovebox gc` works on the machine itself'],
      [['fix', '--task', 'x', '--apply'], 'a server has no working tree of yours'],
      [['exec', '--var', 'a=b', '--', 'true'], '--var: sessions of a server have no variables'],
      [['runs', 'list', '--server', 'not-an-address'], 'expected an address such as http://127.0.0.1:7717'],
    ] as const)
      expect(await user.run(...args), args.join(' ')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(said) });
    // Nobody listens there.
    using away = new User({ GLOVEBOX_KEY: 'gbx_x' });
    const unanswered = await Promise.all([away.run('--server', 'http://127.0.0.1:9', 'approvals'), away.run('exec', '--server', 'http://127.0.0.1:9', '--', 'true')]);
    expect(unanswered).toMatchObject([{ code: 5, stderr: expect.stringContaining('no answer from http://127.0.0.1:9') }, { code: 125 }]);
  });
});
