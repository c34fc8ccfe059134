import type { GovernedCommand, GovernedSandbox } from '../../session/index.ts';
import { cutMiddle } from '../clean-output.ts';
import type { Tool, ToolContext, ToolResult } from '../tool.ts';
import { type CommandReport, readCommand, type ReadCommand } from './command-output.ts';
import { describeEnd } from './describe-end.ts';
import { type ShellInput, shellInput, texts, wallMs } from './shell-input.ts';

/** About 4,000 tokens: what one command may add to the conversation. */
const DEFAULT_OUTPUT_CHARS = 16_000;
const MAX_OUTPUT_CHARS = 64_000;

/** MAX_ARG_STRLEN is 32 pages, with the NUL at the end: execve(2). */
const MAX_COMMAND_BYTES = 131_071;

/** Shell commands in the sandbox. Each runs in a shell of its own: no state but the files outlives it. */
export class Shell implements Tool<ShellInput> {
  readonly name = 'shell';
  readonly version = '1';
  readonly native = 'shell';
  readonly isForPrograms = true;
  readonly description =
    'Run shell commands in the sandbox, in /workspace. Each command has a shell of its own: `cd` and variables do not last, files do. ' +
    'There is no network and no terminal; a command that waits for input reads an empty one. Long output is cut in the middle.';
  readonly input = shellInput;
  /** Sandboxes whose image has no bash. */
  readonly #withoutBash = new WeakSet<GovernedSandbox>();

  before(input: ShellInput): string | undefined {
    const long = texts(input).find((text) => Buffer.byteLength(text) > MAX_COMMAND_BYTES);
    if (long === undefined) return undefined;
    return `a command has ${Buffer.byteLength(long)} bytes, and Linux starts none above ${MAX_COMMAND_BYTES}. Write it into a file with edit, and run that.`;
  }

  async run(input: ShellInput, context: ToolContext): Promise<ToolResult> {
    if (input.restart === true) return { ok: true, text: 'There is nothing to restart: every command has a fresh shell. The files are as they were.' };
    const maxChars = Math.min(input.max_output_length ?? DEFAULT_OUTPUT_CHARS, MAX_OUTPUT_CHARS);
    const commands = texts(input);
    const done: { how: string; read: ReadCommand }[] = [];
    for (const text of commands) {
      const { command, read } = await this.#one(text, input, context, Math.ceil(maxChars));
      done.push({ how: describeEnd(read.end, command.decision), read });
      context.signal.throwIfAborted();
      if (read.end.cause === 'lost') break;
    }
    const text = render(done, commands.length, maxChars);
    const ok = done.length === commands.length && done.every(({ read }) => read.end.cause === 'exited');
    return { ok, text, data: done.map(({ how, read }) => withNote(read, how)) };
  }

  async #one(text: string, input: ShellInput, context: ToolContext, maxChars: number): Promise<{ command: GovernedCommand; read: ReadCommand }> {
    const { sandbox } = context;
    for (;;) {
      const program = this.#withoutBash.has(sandbox) ? 'sh' : 'bash';
      const asked = wallMs(input);
      const limits = asked === undefined ? {} : { limits: { wallMs: asked } };
      const command = await sandbox.exec({ argv: [program, '-c', text], signal: context.signal, ...limits });
      const read = await readCommand(command, maxChars);
      const missing = read.end.cause === 'not_started' && read.end.startError === 'ENOENT' && program === 'bash';
      if (!missing) return { command, read };
      this.#withoutBash.add(sandbox);
    }
  }
}

/** A provider's own shape has a place for the exit code alone: whatever else is to be said stands on stderr. */
function withNote({ end, report }: ReadCommand, how: string): CommandReport {
  const isPlain = end.cause === 'exited' && how === `exit code ${end.exitCode}`;
  return isPlain ? report : { ...report, stderr: `${report.stderr}\n[${how}]` };
}

/** How it went comes first, before anything that the command itself wrote: an output cannot pass itself off as a result. */
function render(done: readonly { how: string; read: ReadCommand }[], asked: number, maxChars: number): string {
  const [only] = done;
  if (asked === 1 && only !== undefined) return `[${only.how}]\n${only.read.text === '' ? '(no output)' : only.read.text}`;
  const summary = done.map(({ how }, index) => `[command ${index + 1} of ${asked}: ${how}]`);
  for (let left = done.length; left < asked; left++) summary.push(`[command ${left + 1} of ${asked}: not run]`);
  const share = Math.floor(maxChars / Math.max(1, done.length));
  const outputs = done.map(({ read }, index) => `--- output of command ${index + 1} ---\n${cutMiddle(read.text, share)}`);
  return [...summary, ...outputs].join('\n');
}
