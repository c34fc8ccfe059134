import { z } from 'zod';
import { type CallEnd, type CallEvent, type ContextLanguage, type Display, GloveboxError } from '../contracts/index.ts';
import type { Context, GovernedCall, GovernedSandbox } from '../session/index.ts';
import { cleanOutput, cutMiddle } from './clean-output.ts';
import type { Tool, ToolContext, ToolResult } from './tool.ts';

/** As much as the shell shows. */
const OUTPUT_CHARS = 16_000;
const MAX_CODE_CHARS = 262_144;

const contextInput = z.object({
  code: z.string().max(MAX_CODE_CHARS).describe('what to run; the value of its last expression is shown'),
  timeout_s: z.number().positive().nullish().describe('seconds until it is interrupted; policy may allow less'),
  restart: z.boolean().nullish().describe('begin anew first: everything that was defined is gone'),
});
type ContextInput = z.output<typeof contextInput>;

const PROGRAMS: Readonly<Record<ContextLanguage, string>> = { python: 'python', javascript: 'node' };

/** An interpreter that remembers what earlier calls defined: one for each sandbox, from the first call on. */
export class ContextTool implements Tool<ContextInput> {
  readonly name: string;
  readonly version = '1';
  readonly description: string;
  readonly input = contextInput;
  readonly isForPrograms = true;
  readonly #language: ContextLanguage;
  readonly #contexts = new WeakMap<GovernedSandbox, Promise<Context>>();

  constructor(language: ContextLanguage) {
    this.#language = language;
    this.name = PROGRAMS[language];
    this.description =
      `Run code in a ${this.name} interpreter in the sandbox, in /workspace. It keeps variables, functions and imports from one call to the next. ` +
      'The value of the last expression is shown, and so is what is printed. `await` works at the top. Long output is cut in the middle.';
  }

  async run(input: ContextInput, { sandbox, signal }: ToolContext): Promise<ToolResult> {
    try {
      const call = await this.#call(await this.#context(sandbox), input, signal);
      const said = await listen(call);
      signal.throwIfAborted();
      return { ok: said.end.cause === 'finished', text: render(call, said) };
    } catch (error) {
      signal.throwIfAborted();
      // A context is closed with its sandbox.
      if (!(error instanceof GloveboxError) || error.code !== 'cancelled') throw error;
      this.#contexts.delete(sandbox);
      return { ok: false, text: '[not run: the interpreter went away with its sandbox]' };
    }
  }

  async #call(context: Context, { code, timeout_s: seconds, restart }: ContextInput, signal: AbortSignal): Promise<GovernedCall> {
    if (restart === true) await context.restart();
    return context.run(code, { signal, ...(seconds == null ? {} : { limits: { wallMs: seconds * 1000 } }) });
  }

  /** One that could not be opened is tried again with the next call. */
  #context(sandbox: GovernedSandbox): Promise<Context> {
    const open = this.#contexts.get(sandbox);
    if (open !== undefined) return open;
    const opening = sandbox.contexts.open({ language: this.#language });
    this.#contexts.set(sandbox, opening);
    opening.catch(() => this.#contexts.delete(sandbox));
    return opening;
  }
}

interface Said {
  readonly text: string;
  readonly isNew: boolean;
  readonly end: CallEnd;
}

async function listen(call: GovernedCall): Promise<Said> {
  let [text, isNew] = ['', false];
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const event of call.events) {
    isNew ||= event.type === 'restarted';
    text += event.type === 'stdout' || event.type === 'stderr' ? decoders[event.type].decode(event.bytes, { stream: true }) : textOf(event, text);
  }
  return { text, isNew, end: await call.end };
}

/** On a line of its own. */
function textOf(event: CallEvent, before: string): string {
  const line = before === '' || before.endsWith('\n') ? '' : '\n';
  if (event.type === 'error') return `${line}${event.traceback}\n`;
  if (event.type === 'display' || event.type === 'result') return `${line}${shown(event.display)}\n`;
  return '';
}

/** As text; of what is none that it was there. */
function shown({ data, table }: Display): string {
  const others = Object.keys(data).filter((media) => media !== 'text/plain');
  const rows = table === undefined ? '' : ` [a table of ${table.totalRows} rows, ${table.totalColumns} columns]`;
  return `${data['text/plain'] ?? ''}${rows}${others.length === 0 ? '' : ` [also as ${others.join(', ')}, which is not shown]`}`.trim();
}

/** How it ended comes first, before anything that the code itself wrote. */
function render({ decision }: GovernedCall, { text, isNew, end }: Said): string {
  const reason = end.cause === 'policy' ? ` (${decision.reason.rule}): ${decision.reason.text}` : end.detail === undefined ? '' : `: ${end.detail}`;
  const state = end.state === 'lost' ? '; the interpreter was ended, and what calls defined is gone' : '';
  const dropped = end.output.droppedBytes === 0 ? '' : `; ${end.output.droppedBytes} bytes of output were dropped`;
  const head = `[${CAUSES[end.cause]}${reason}${dropped}${state}]`;
  const body = cutMiddle(cleanOutput(text).trimEnd(), OUTPUT_CHARS);
  return [...(isNew ? ['[the interpreter had ended: this is a new one, and what earlier calls defined is gone]'] : []), head, ...(body === '' ? [] : [body])].join('\n');
}

const CAUSES: Readonly<Record<CallEnd['cause'], string>> = {
  finished: 'finished',
  raised: 'an exception was raised',
  interrupted: 'interrupted',
  timeout: 'interrupted: its time was over',
  output: 'interrupted: it put out more than is allowed',
  cancelled: 'cancelled',
  died: 'the interpreter ended',
  violation: 'the interpreter was ended',
  policy: 'not run: denied by policy',
  not_started: 'not run',
  lost: 'how it ended is not known: the sandbox went away',
};
