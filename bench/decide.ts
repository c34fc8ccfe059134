import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { DecisionRequest, NewEvent, PolicyFile } from '../src/contracts/index.ts';
import { SqliteJournal } from '../src/journal/index.ts';
import { backtest, FilePolicies, recordedDecisions } from '../src/policy/index.ts';
import { machine, percentiles, type Report, round } from './report.ts';

/** Rules of a policy, spread over what they speak of. */
const SIZES = [20, 200, 1_000] as const;
const MIDDLE = 200;
/** Questions that a session asks again and again. */
const WORKING_SET = 200;
const RELOADS = 200;
/** A recorded run asks so many questions. */
const RUN_LENGTH = 250;

/** Decisions a second, and how long one takes; what memory they leave behind. */
export default async function decide(quick: boolean): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'glovebox-bench-decide-'));
  try {
    const policies = new FilePolicies([folder]);
    const sizes: Record<string, Awaited<ReturnType<typeof measure>>> = {};
    for (const size of SIZES) {
      await writePolicy(folder, `rules-${size}`, size);
      sizes[size] = measure(await policies.load(`rules-${size}`), size, quick ? 2_000 : 20_000);
    }
    const middle = await policies.load(`rules-${MIDDLE}`);
    const { cachedPerSecond = 0, uncachedPerSecond = 0, cachedMs, uncachedMs } = sizes[MIDDLE] ?? {};
    const naive = parsedEachTime(middle, quick ? 50 : 300);
    return {
      bench: 'decide',
      machine: machine(),
      figures: { cachedPerSecond, uncachedPerSecond, cachedMs, uncachedMs, rules: sizes, cedarParsedEachTimePerSecond: naive, backtest: await askedAgain(folder, middle, quick ? 10_000 : 100_000), memory: await leftBehind(policies, quick ? 100_000 : 1_000_000) },
      ratios: { cedarParsedEachTime: round(uncachedPerSecond / naive, 1) },
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function measure(policy: PolicyFile, rules: number, samples: number) {
  let next = 0;
  const ask = (request: DecisionRequest): number => {
    const began = performance.now();
    policy.decide(request);
    return performance.now() - began;
  };
  for (; next < 500; next++) ask(question(next, rules));
  const uncached = Array.from({ length: samples }, () => ask(question(next++, rules)));
  const known = Array.from({ length: WORKING_SET }, (_, i) => question(i, rules));
  for (const request of known) ask(request);
  const cached = Array.from({ length: samples * 5 }, (_, i) => ask(known[i % WORKING_SET] ?? question(0, rules)));
  return { cachedPerSecond: perSecond(cached), uncachedPerSecond: perSecond(uncached), cachedMs: percentiles(cached), uncachedMs: percentiles(uncached) };
}

function perSecond(samplesMs: readonly number[]): number {
  return Math.round((samplesMs.length / samplesMs.reduce((sum, ms) => sum + ms, 0)) * 1_000);
}

/** The alternative: everything in one set, handed over with each question. */
function parsedEachTime(policy: PolicyFile, samples: number): number {
  // Ids are told apart by the action that they are for.
  const staticPolicies = Object.fromEntries(policy.cedar().split(/\n(?=\/\/ )/).map((text, i) => [String(i), text]));
  const asked = Array.from({ length: samples }, (_, i) => {
    const began = performance.now();
    const path = `/workspace/${i}`;
    cedar.isAuthorized({
      principal: { type: 'Session', id: 'session' },
      action: { type: 'Action', id: 'file.read' },
      resource: { type: 'File', id: path },
      context: { path, depth: 3, fits: [], approved: false },
      policies: { staticPolicies },
      entities: [],
    });
    return performance.now() - began;
  });
  return perSecond(asked);
}

/** Resident memory after half of the decisions, when all that is bounded is full, and after all of them, of which one in twenty is new, with the policy loaded anew now and then. */
async function leftBehind(policies: FilePolicies, decisions: number) {
  let policy = await policies.load(`rules-${MIDDLE}`);
  let early = 0;
  for (let i = 0; i < decisions; i++) {
    if (i % (decisions / RELOADS) === 0) policy = await policies.load(`rules-${MIDDLE}`);
    if (i === decisions / 2) early = process.memoryUsage.rss();
    policy.decide(question(i % 20 === 0 ? i : i % WORKING_SET, MIDDLE));
  }
  const late = process.memoryUsage.rss();
  return { decisions, reloads: RELOADS, afterHalfMiB: round(early / 2 ** 20, 1), afterAllMiB: round(late / 2 ** 20, 1), growthMiB: round((late - early) / 2 ** 20, 1) };
}

/** How long it takes to ask a policy again what a journal has, of which half are questions that came before; and what memory that takes at most. */
async function askedAgain(folder: string, policy: PolicyFile, decisions: number) {
  await using journal = new SqliteJournal(join(folder, 'journal.db'));
  for (let run = 0; run < decisions / RUN_LENGTH; run++) {
    const events = Array.from({ length: RUN_LENGTH }, (_, i): NewEvent => {
      const request = question(i % 2 === 0 ? run * RUN_LENGTH + i : i % WORKING_SET, MIDDLE);
      const decision = policy.decide(request);
      return { type: 'decision', data: { request, decision, allowed: decision.effect === 'allow' } };
    });
    await journal.append(`run_${run}`, events);
  }
  const before = process.memoryUsage.rss();
  const began = performance.now();
  let asked = 0;
  let flips = 0;
  let most = before;
  for await (const { event, now } of backtest(policy, recordedDecisions(journal, {}))) {
    if (now.effect !== event.data.decision.effect) flips += 1;
    if (asked++ % 1_000 === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  const seconds = (performance.now() - began) / 1_000;
  return { decisions: asked, flips, seconds: round(seconds, 2), perSecond: Math.round(asked / seconds), growthMiB: round((most - before) / 2 ** 20, 1) };
}

/** Such as agents ask: mostly commands and files, of which most are let through. `size` spreads them over the rules that there are. */
function question(n: number, size: number): DecisionRequest {
  const rule = n % size;
  switch (n % 10) {
    case 0:
    case 1:
    case 2:
      return { action: 'command.exec', argv: ['bash', '-lc', `cd src && grep -rn "word${n}" . | head -20; npm test`], cwd: '/workspace' };
    case 3:
      return { action: 'command.exec', argv: [`program${rule}`, n % 20 === 3 ? 'push' : 'pull', String(n)], cwd: '/workspace' };
    case 4:
    case 5:
      return { action: 'file.read', path: `/workspace/src/folder${rule}/file${n}.ts` };
    case 6:
      return { action: 'file.write', path: `/workspace/${n % 20 === 6 ? 'secret' : 'src'}${rule}/file${n}.ts` };
    case 7:
      return { action: 'network.connect', scheme: 'https', host: `host${rule}.test`, port: 443, method: 'GET', path: `/v1/items/${n}` };
    case 8:
      return { action: 'tool.call', tool: `tool${rule}`, version: String(n) };
    default:
      if (n % 20 === 19) return { action: 'export.patch', paths: Array.from({ length: 10 }, (_, i) => `src/folder${n}/file${i}.ts`), bytes: 10_000 };
      return { action: 'model.call', provider: 'openai', model: `model${rule}`, spent: { usd: n / 1e7, tokens: n, steps: 0 }, worstCase: { usd: 0.01, tokens: 1_000, steps: 1 } };
  }
}

/** In each ten: four on commands, two on destinations, two on files, one on tools and one on models or on patches. */
async function writePolicy(folder: string, name: string, size: number): Promise<void> {
  const numbers = Array.from({ length: size }, (_, i) => i);
  const every = (...kinds: number[]): number[] => numbers.filter((i) => kinds.includes(i % 10));
  const document = {
    name,
    files: { deny: every(6).map((i) => `/workspace/secret${i}/**`), write: every(5).map((i) => (i === 5 ? '/workspace/**' : `/srv/data${i}/*.json`)) },
    commands: {
      ask: every(0, 3).map((i) => ({ program: `program${i}`, args: ['push'] })),
      deny: every(1, 2).map((i) => ({ program: [`forbidden${i}`, `banned${i}`] })),
    },
    network: every(7, 4).map((i) => ({ host: `host${i}.test`, methods: ['GET'], paths: ['/v1/**', '/files/*'] })),
    tools: { allow: every(8).map((i) => `tool${i}`) },
    models: { allow: every(9).filter((i) => i % 20 === 9).map((i) => `openai:model${i}*`) },
    export: { deny: every(9).filter((i) => i % 20 === 19).map((i) => `secret${i}/**`) },
    budget: { usd: 100, tokens: 100_000_000, steps: 1_000 },
  };
  await mkdir(join(folder, name));
  // JSON is YAML.
  await writeFile(join(folder, name, 'policy.yaml'), JSON.stringify(document));
}
