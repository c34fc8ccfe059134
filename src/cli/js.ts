import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ConsoleLine, describeError, GloveboxError, type JavaScriptEnd } from '../contracts/index.ts';
import type { JavaScriptRequest } from '../session/index.ts';
import type { Place, PlacedProgram } from './place.ts';
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
export async function js(place: Place, terminal: Terminal, file: string | undefined, options: JsOptions, signal: AbortSignal): Promise<number> {
  const program = await programOf(file, options);
  const lines: ConsoleLine[] = [];
  const onConsole = (line: ConsoleLine): void => {
    if (options.json === true) lines.push(line);
    else terminal.note(line.text);
  };
  const { session, ...ran } = await place.javascript(terminal, { ...program, onConsole }, options, signal);
  if (options.json === true) await terminal.json({ ...(session === undefined ? {} : { session }), call: ran.id, ...ran.end, console: lines });
  else await tell(ran, terminal);
  return exitCodeOf(ran.end);
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

/** The result alone is data. */
async function tell({ end, decision }: PlacedProgram, terminal: Terminal): Promise<void> {
  if (end.cause === 'returned') {
    if (end.result !== undefined) await terminal.json(end.result);
  } else if (end.cause === 'policy') terminal.note(`glovebox: denied by ${decision.reason.rule}: ${decision.reason.text}`, 'red');
  else if (end.cause === 'threw' && end.error !== undefined) {
    const { name, message, stack } = end.error;
    terminal.note(`${name}: ${message}${stack === undefined ? '' : `\n${stack.replace(/^/gm, '    ')}`}`, 'red');
  } else terminal.note(`glovebox: ended by ${end.cause}${end.error === undefined ? '' : `: ${end.error.message}`}`, 'red');
}

/** 0 with a result; 1 where the program is at fault; 124 a limit, 125 lost, 126 denied, 130 cancelled. */
function exitCodeOf({ cause }: Pick<JavaScriptEnd, 'cause'>): number {
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
