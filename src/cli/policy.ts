import { GloveboxError, type PolicyFinding, type Variables } from '../contracts/index.ts';
import { type Flip, QUESTION_KEYS, type Question, type QuestionKey, questionForms, sayRequest } from '../policy/index.ts';
import type { Place } from './place.ts';
import { sarif } from './sarif.ts';
import { sayReason } from './say-policy.ts';
import type { Terminal } from './terminal.ts';

/** `glovebox policy show`: what a policy lends, and every rule of it that can speak; with `--cedar` what these become. */
export async function showPolicy({ policies }: Place, terminal: Terminal, wanted: string, options: { json?: boolean; cedar?: boolean }): Promise<number> {
  const { name, hash, mode, grant, rules, cedar } = await policies.show(wanted);
  if (options.json === true) await terminal.json({ name, hash, mode, grant, rules, ...(options.cedar === true ? { cedar } : {}) });
  else if (options.cedar === true) await terminal.data(cedar);
  else {
    await terminal.data(`${name}  ${hash}${mode === 'observe' ? '  observes' : ''}\n`);
    for (const [section, value] of Object.entries(grant)) await terminal.data(`${section.padEnd(11)} ${say(value)}\n`);
    for (const { rule, file, line } of rules) await terminal.data(`${rule.padEnd(24)} ${file}:${line}\n`);
  }
  return 0;
}

export interface ExplainOptions {
  readonly tenant?: string;
  readonly user?: string;
  readonly role?: readonly string[];
  readonly var?: Variables;
  readonly json?: boolean;
}

/** `glovebox policy explain`: the answer to one question, what decided it, and what would have to change. */
export async function explainDecision({ policies }: Place, terminal: Terminal, name: string, words: readonly [string, ...string[]], options: ExplainOptions): Promise<number> {
  const as = { tenant: options.tenant ?? '', name: options.user ?? '', roles: options.role ?? [] };
  const { policy, request, decision, remedies, binds } = await policies.explain(name, questionOf(words), { as, variables: options.var });
  if (options.json === true) await terminal.json({ request, ...decision, remedies, binds });
  else {
    await terminal.data(`${decision.effect}  ${words.join(' ')}${decision.observed === true ? '  (observed: it passes)' : ''}\n`);
    await terminal.data(`  decided by  ${sayReason(decision.reason)}\n`);
    for (const reason of decision.lost) await terminal.data(`  and         ${reason.effect}, ${sayReason(reason)}\n`);
    for (const remedy of remedies) await terminal.data(`  otherwise   ${remedy}\n`);
    await terminal.data(`  binds       ${binds}\n  policy      ${policy.name} ${policy.hash}\n`);
  }
  return 0;
}

/** `exec git push`, `connect GET https://…`: a key of questions, and what it is asked about. */
function questionOf([key, ...words]: readonly [string, ...string[]]): Question {
  const found = QUESTION_KEYS.find((one) => one === key);
  if (found === undefined) throw new GloveboxError('usage', `expected one of ${QUESTION_KEYS.join(', ')}, found ${JSON.stringify(key)}`);
  const parsed = questionForms[found].safeParse(askedAbout(found, words[0] === '--' ? words.slice(1) : words));
  if (!parsed.success) throw new GloveboxError('usage', `${found}: expected ${questionForms[found].description}`);
  return { [found]: parsed.data };
}

function askedAbout(key: QuestionKey, words: readonly string[]): unknown {
  const [first, ...more] = words;
  if (key === 'export' || key === 'javascript') return words;
  if (key === 'exec') return more.length === 0 ? first : words;
  if (key === 'credential') return { id: first, to: more.join(' ') };
  if (key === 'open') return first === undefined ? {} : { image: first };
  return words.join(' ');
}

/** `glovebox policy test`: 1 where a case fails, or where a policy that was named has none. */
export async function testPolicies(place: Place, terminal: Terminal, names: readonly string[], options: { json?: boolean }): Promise<number> {
  const reports = [];
  for (const name of names.length === 0 ? await place.policies.names() : names) reports.push(await place.policies.test(name));
  const failed = reports.flatMap(({ results }) => results.filter(({ problem }) => problem !== undefined));
  const untested = reports.filter(({ file }) => file === undefined);
  if (options.json === true) await terminal.json({ reports });
  else {
    for (const { policy, file, results, silent, rules } of reports) {
      for (const { line, what, problem } of results) if (problem !== undefined) await terminal.data(`${file}:${line}: ${what}: ${problem}\n`);
      const bad = results.filter(({ problem }) => problem !== undefined).length;
      await terminal.data(`${policy}: ${file === undefined ? 'no tests.yaml beside it' : `${results.length - bad} held, ${bad} failed; ${rules - silent.length} of ${rules} rules spoke`}\n`);
      for (const { rule, file: of, line } of silent) if (file !== undefined) terminal.note(`  silent: ${rule} (${of}:${line})`, 'dim');
    }
  }
  return failed.length > 0 || (names.length > 0 && untested.length > 0) ? 1 : 0;
}

/** `glovebox policy lint`: 1 where there is anything to change; notes are no such thing. A file that is no policy is said with its place, and ends with 2. */
export async function lintPolicies({ policies, version }: Place, terminal: Terminal, names: readonly string[], options: { json?: boolean; sarif?: boolean }): Promise<number> {
  const findings: readonly PolicyFinding[] = (await Promise.all((names.length === 0 ? await policies.names() : names).map((name) => policies.lint(name)))).flat();
  if (options.sarif === true) await terminal.json(sarif(findings, version));
  else if (options.json === true) await terminal.json({ findings });
  else for (const { isNote, file, line, rule, text } of findings) await terminal.data(`${file}:${line}: ${isNote === true ? 'note: ' : ''}${rule}: ${text}\n`);
  if (findings.length === 0) terminal.note('nothing to say');
  return findings.every(({ isNote }) => isNote) ? 0 : 1;
}

/** `glovebox policy diff`: what another policy, or another version of one, would permit and forbid; 1 where there is a difference. */
export async function comparePolicies({ policies }: Place, terminal: Terminal, old: string, young: string, options: { json?: boolean }): Promise<number> {
  const { grant, changes, asked } = await policies.diff(old, young);
  if (options.json === true) await terminal.json({ grant, changes, asked });
  else {
    for (const { what, was, now } of grant) await terminal.data(`lends     ${what}: ${sayAmount(was)} → ${sayAmount(now)}\n`);
    for (const { request, was, now, reason } of changes) await terminal.data(`${VERBS[now].padEnd(8)}  ${sayRequest(request)} (${was} before; ${sayReason(reason)})\n`);
    await terminal.data(`${asked} questions asked: ${changes.length} have another answer, ${grant.length} amounts are others\n`);
  }
  return grant.length + changes.length === 0 ? 0 : 1;
}

const VERBS = { allow: 'permits', ask: 'asks', deny: 'forbids' } as const;

function sayAmount(value: unknown): string {
  return value === undefined ? 'none' : say(value);
}

/** `glovebox policy backtest`: asks a policy every recorded question again; 1 where an answer would be another. `since` is in milliseconds since the epoch. A flip is printed when it is told: there may be many. */
export async function backtestPolicy({ policies }: Place, terminal: Terminal, name: string, options: { since?: number; json?: boolean }): Promise<number> {
  let told = 0;
  const onFlip = async (flip: Flip): Promise<void> => {
    const { stream, seq, request, was, now } = flip;
    if (options.json === true) await terminal.data(`${told === 0 ? '{"flips":[' : ','}${JSON.stringify(flip)}`);
    else await terminal.data(`${stream}#${seq}  ${was.effect} → ${now.effect}  ${sayRequest(request)}\n    was  ${sayReason(was.reason)}\n    now  ${sayReason(now.reason)}\n`);
    told += 1;
  };
  const { policy, hash, asked, flipped, erased } = await policies.backtest(name, { sinceMs: options.since, onFlip });
  if (options.json === true) await terminal.data(`${told === 0 ? '{"flips":[' : ''}],"policy":${JSON.stringify(policy)},"hash":"${hash}","asked":${asked},"flipped":${flipped},"erased":${erased}}\n`);
  else await terminal.data(`${asked} recorded decisions, ${flipped} would be another${told < flipped ? `, of which the first ${told} are told` : ''}${erased === 0 ? '' : `; ${erased} more were erased and can be asked no more`}\n`);
  return flipped === 0 ? 0 : 1;
}

function say(value: unknown): string {
  if (Array.isArray(value)) return value.map((one: unknown) => (typeof one === 'object' ? `(${say(one)})` : say(one))).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, one]) => `${key} ${say(one)}`)
    .join(', ');
}
