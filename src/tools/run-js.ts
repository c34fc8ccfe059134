import { z } from 'zod';
import type { ConsoleLine } from '../contracts/index.ts';
import type { GovernedJavaScript, ProgramTool } from '../session/index.ts';
import { cleanOutput, cutMiddle } from './clean-output.ts';
import type { Tool, ToolContext, ToolResult } from './tool.ts';

/** As much as the shell shows. */
const OUTPUT_CHARS = 16_000;

const runJsInput = z.object({
  code: z.string().min(1).describe('a module: what it exports by default is the result; `await` works at the top'),
  language: z.enum(['javascript', 'typescript']).nullish(),
  timeout_s: z.number().positive().nullish().describe('seconds until it is ended; policy may allow less'),
});
type RunJsInput = z.output<typeof runJsInput>;

/** A program in an isolate: for computing, and for many calls of tools at once. */
export class RunJavaScript implements Tool<RunJsInput> {
  readonly name = 'run_js';
  readonly version = '1';
  readonly description =
    'Run JavaScript in an isolate: no processes, no network of its own, nothing to import, nothing kept for the next call. The default export is the result, as JSON: `export default …`. ' +
    'Where it is lent, `await fetch(url, { method, headers, body })` asks a server that policy names: `{ status, ok, headers, body }`. ' +
    'Where they are lent, `files` is the workspace (`await files.read(path)`, `write(path, text)`, `list(path)`, `remove(path)`), and `tools` the other tools: ' +
    '`await tools.shell({ command })`, `tools.edit({ … })` and so on, with the same input; each gives `{ ok, text, data }`. Use it where several calls, or a loop over them, are one thought.';
  readonly input = runJsInput;
  readonly #tools: (context: ToolContext) => Readonly<Record<string, ProgramTool>>;

  /** `tools` are those that a program may be lent. */
  constructor(tools: (context: ToolContext) => Readonly<Record<string, ProgramTool>>) {
    this.#tools = tools;
  }

  async run({ code, language, timeout_s: seconds }: RunJsInput, context: ToolContext): Promise<ToolResult> {
    const { session, sandbox, signal } = context;
    const { functions } = session.policy.grant.javascript;
    const lines: ConsoleLine[] = [];
    const ran = await session.javascript({
      source: code,
      signal,
      language: language ?? 'javascript',
      grants: { ...(functions.includes('files') ? { files: sandbox.files } : {}), ...(functions.includes('tools') ? { tools: this.#tools(context) } : {}), fetch: functions.includes('fetch') },
      onConsole: (line) => void lines.push(line),
      ...(seconds == null ? {} : { limits: { wallMs: seconds * 1000 } }),
    });
    signal.throwIfAborted();
    return { ok: ran.end.cause === 'returned', text: render(ran, lines) };
  }
}

/** How it ended comes first, before anything that the program itself wrote. */
function render(ran: GovernedJavaScript, lines: readonly ConsoleLine[]): string {
  const { end } = ran;
  const share = lines.length === 0 ? OUTPUT_CHARS : OUTPUT_CHARS / 2;
  const result = end.cause === 'returned' ? [cutMiddle(JSON.stringify(end.result) ?? '(no result)', share)] : [];
  const heard = lines.map(({ text }) => text).join('\n');
  return [`[${describe(ran)}]`, ...result, ...(lines.length === 0 ? [] : ['--- console ---', cutMiddle(cleanOutput(heard), share)])].join('\n');
}

function describe({ end, decision }: GovernedJavaScript): string {
  const { error } = end;
  const what = error === undefined ? '' : `${error.name}: ${error.message}${error.stack === undefined ? '' : `\n${error.stack}`}`;
  const after = `after ${(end.usage.wallMs / 1000).toFixed(1)} s`;
  switch (end.cause) {
    case 'returned':
      return 'returned';
    case 'threw':
      return `threw ${what}`;
    case 'unclonable':
      return `its result is no JSON: ${error?.message ?? 'unknown'}`;
    case 'not_started':
      return `not started: ${what}`;
    case 'timeout':
      return `ended: its time was over ${after}`;
    case 'cpu_time':
      return `ended: it used up its CPU time ${after}`;
    case 'memory':
      return 'ended: out of memory';
    case 'output':
      return 'ended: its result and its console were more than is allowed';
    case 'cancelled':
      return 'cancelled';
    case 'policy':
      return `not run: denied by policy (${decision.reason.rule}): ${decision.reason.text}`;
    case 'lost':
      return 'how it ended is not known: its process went away';
  }
}
