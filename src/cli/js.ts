import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ConsoleLine, describeError, GloveboxError, type JavaScriptEnd } from '../contracts/index.ts';
import { type GovernedJavaScript, type JavaScriptRequest, type ProgramGrants, Session } from '../session/index.ts';
import { attendanceAt } from './attendance.ts';
import { warnOfObserving } from './observing.ts';
import { bring, execError } from './one-sandbox.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

export interface JsOptions {
  readonly eval?: string;
  readonly typescript?: boolean;
  readonly script?: boolean;
  readonly args?: string;
  readonly policy: string;
  readonly workspace?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** `glovebox js`: one program in an isolate. */
export async function js(services: Services, terminal: Terminal, file: string | undefined, options: JsOptions, signal: AbortSignal): Promise<number> {
  const program = await programOf(file, options);
  try {
    const policy = await services.policies.load(options.policy);
    if (policy.mode === 'observe') warnOfObserving(terminal, policy.name);
    await using session = await Session.open(services.sessionPorts(attendanceAt(terminal, services.principal)), { principal: services.principal, policy, signal });
    const lines: ConsoleLine[] = [];
    const onConsole = (line: ConsoleLine): void => {
      if (options.json === true) lines.push(line);
      else terminal.note(line.text);
    };
    const grants = await grantsOf(services, terminal, session, options, signal);
    const ran = await session.javascript({ ...program, onConsole, grants, signal, ...(options.timeout === undefined ? {} : { limits: { wallMs: options.timeout } }) });
    if (options.json === true) await terminal.json({ session: session.id, call: ran.id, ...ran.end, console: lines });
    else await tell(ran, terminal);
    return exitCodeOf(ran.end);
  } catch (thrown) {
    throw execError(thrown);
  }
}

async function programOf(file: string | undefined, options: JsOptions): Promise<Pick<JavaScriptRequest, 'source' | 'fileName' | 'language' | 'form' | 'args'>> {
  if ((file === undefined) === (options.eval === undefined)) throw new GloveboxError('usage', 'expected a file or -e <code>');
  const typescript = options.typescript === true || (file !== undefined && /\.m?ts$/.test(file));
  return {
    source: options.eval ?? (await sourceOf(file ?? '')),
    fileName: file === undefined ? '[eval]' : basename(file),
    language: typescript ? 'typescript' : 'javascript',
    form: options.script === true ? 'script' : 'module',
    args: argumentsOf(options.args ?? '[]'),
  };
}

async function sourceOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new GloveboxError('usage', `${file} cannot be read: ${describeError(error)}`, { cause: error });
  }
}

function argumentsOf(text: string): readonly unknown[] {
  try {
    const args: unknown = JSON.parse(text);
    if (Array.isArray(args)) return args;
  } catch (error) {
    throw new GloveboxError('usage', `--args: ${describeError(error)}`, { cause: error });
  }
  throw new GloveboxError('usage', '--args: expected a JSON list, such as [1, "two"]');
}

async function grantsOf(services: Services, terminal: Terminal, session: Session, options: JsOptions, signal: AbortSignal): Promise<ProgramGrants> {
  const fetch = session.policy.grant.javascript.functions.includes('fetch');
  if (options.workspace === undefined) return { fetch };
  const sandbox = await session.sandbox('files of a program');
  await bring(services, sandbox, options.workspace, terminal, signal);
  return { files: sandbox.files, fetch };
}

/** The result alone is data. */
async function tell({ end, decision }: GovernedJavaScript, terminal: Terminal): Promise<void> {
  if (end.cause === 'returned') {
    if (end.result !== undefined) await terminal.json(end.result);
  } else if (end.cause === 'policy') terminal.note(`glovebox: denied by ${decision.reason.rule}: ${decision.reason.text}`, 'red');
  else if (end.cause === 'threw' && end.error !== undefined) {
    const { name, message, stack } = end.error;
    terminal.note(`${name}: ${message}${stack === undefined ? '' : `\n${stack.replace(/^/gm, '    ')}`}`, 'red');
  } else terminal.note(`glovebox: ended by ${end.cause}${end.error === undefined ? '' : `: ${end.error.message}`}`, 'red');
}

/** 0 with a result; 1 where the program is at fault; 124 a limit, 125 lost, 126 denied, 130 cancelled. */
function exitCodeOf({ cause }: JavaScriptEnd): number {
  switch (cause) {
    case 'returned':
      return 0;
    case 'threw':
    case 'unclonable':
    case 'not_started':
      return 1;
    case 'policy':
      return 126;
    case 'lost':
      return 125;
    case 'cancelled':
      return 130;
    default:
      return 124;
  }
}
