import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FuzzedRequest, requestsOf } from '../support/api-arbitraries.ts';
import { documentedOperations, type Operation } from '../support/api-document.ts';
import { type Caller, servingHere } from '../support/server.ts';

/** Another one, and the same requests again, by `GLOVEBOX_FUZZ_SEED`. */
const SEED = Number(process.env['GLOVEBOX_FUZZ_SEED'] ?? 20_261_121);
const REQUESTS_EACH = 60;
/** Of those that make sandboxes, interpreters and isolates, or read the whole journal. */
const DEAR_EACH = 15;
const DEAR: ReadonlySet<string> = new Set(['createSandbox', 'forkSandbox', 'openContext', 'runInContext', 'runJavaScript', 'restartContext', 'snapshotSandbox', 'restoreSandbox', 'verifyAudit', 'exportAudit', 'signCheckpoint', 'backtestPolicy', 'testPolicy', 'watchFiles', 'stop']);
/** What ends all the rest. */
const LAST = 'stop';
/** On a machine that has others to serve it ends sooner than it would have liked, and says with how many. */
const BUDGET_MS = 25_000;
/** Nothing that is asked here takes longer by itself; what does hangs. */
const HANG_MS = 20_000;
const AT_A_TIME = 8;

const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Streams of events are left when they have begun. */
function send(url: string, key: string, { method, target, headers, body }: FuzzedRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(`${url}${target}`, { method, agent, headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }), authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(HANG_MS) }, (response) => {
      const { statusCode: status = 0 } = response;
      const { 'content-type': type = '' } = response.headers;
      if (type.startsWith('text/event-stream')) {
        response.destroy();
        resolve({ status, type, body: '' });
      } else text(response).then((whole) => resolve({ status, type, body: whole }), reject);
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

/** What is wrong with an answer, whatever was asked. */
function wrong({ status, type, body }: Answer): string | undefined {
  if (status < 200 || status === 500) return `the status ${status}`;
  if (status < 400) return undefined;
  if (!type.startsWith('application/problem+json')) return `no problem document but ${type}`;
  const problem = JSON.parse(body) as { code?: unknown; status?: unknown; detail?: unknown };
  if (typeof problem.code !== 'string' || problem.code === 'internal' || problem.status !== status || typeof problem.detail !== 'string') return 'a problem document that says too little';
  return undefined;
}

/** Things that are there, by what stands in a path: two sandboxes, so that one may be paused and deleted. */
async function things(admin: Caller) {
  const [sandbox, other] = [await admin.sandbox(), await admin.sandbox()];
  const command = String((await admin.command(sandbox, ['cat'], { background: true, openStdin: true }))['id']);
  const context = String((await admin.call('POST', `/v1/sandboxes/${sandbox}/contexts`, { language: 'python' })).body['id']);
  const ending: ReadonlySet<string> = new Set(['pauseSandbox', 'resumeSandbox', 'deleteSandbox', 'restoreSandbox']);
  return ({ id, path }: Operation) => (name: string): string => {
    if (name === 'command') return command;
    if (name === 'context') return context;
    if (name === 'name') return path.startsWith('/v1/policies') ? 'exec' : 'token';
    if (path.startsWith('/v1/sandboxes')) return ending.has(id) ? other : sandbox;
    return path.startsWith('/v1/runs') ? 'run_01m7z5h3s1thmewrvx6gjsacsa' : 'apr_01m7z5h3s1thmewrvx6gjsacsa';
  };
}

test('whatever is sent to whichever route, it is answered, and never by an error of our own', async () => {
  const faults: string[] = [];
  const server = await servingHere({ requestsPerMinute: 1_000_000, sandboxesPerTenant: 4, onFault: ({ method, path, error }) => void faults.push(`${method} ${path}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`) });
  const { operations, schemas } = await documentedOperations(server.url);
  const realOf = await things(server.as());
  // In turns, so that every route is asked however soon the time is over.
  const rounds = operations.map((operation, at) => fc.sample(requestsOf(operation, schemas, realOf(operation)), { seed: SEED + at, numRuns: DEAR.has(operation.id) ? DEAR_EACH : REQUESTS_EACH }));
  const last = rounds.splice(operations.findIndex(({ id }) => id === LAST), 1).flat();
  const queue = Array.from({ length: REQUESTS_EACH }, (_, round) => rounds.flatMap((each) => each[round] ?? [])).flat();
  const failures: string[] = [];
  let sent = 0;
  const work = async (from: FuzzedRequest[], budgetMs: number): Promise<void> => {
    const end = performance.now() + budgetMs;
    for (let next = from.shift(); next !== undefined && performance.now() < end; next = from.shift()) {
      sent += 1;
      const answer = await send(server.url, server.key, next).catch((error: unknown) => String(error));
      const what = typeof answer === 'string' ? answer : wrong(answer);
      if (what !== undefined) failures.push(`${what}: ${next.method} ${next.target.slice(0, 300)} ${JSON.stringify(next.headers).slice(0, 300)} ${next.body?.slice(0, 600) ?? ''} → ${typeof answer === 'string' ? '' : answer.body.slice(0, 300)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, () => work(queue, BUDGET_MS)));
  await work(last, BUDGET_MS);
  process.stdout.write(`fuzz: ${operations.length} routes, ${sent.toLocaleString('en')} requests, ${failures.length} failures (seed ${SEED})\n`);
  expect(failures.slice(0, 10), faults.slice(0, 5).join('\n')).toEqual([]);
  expect(faults).toEqual([]);
  // It serves as before.
  expect((await server.as().call('GET', '/v1/policies')).status).toBe(200);
  agent.destroy();
});
