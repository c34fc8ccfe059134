import type { CommandEnd, OutputChunk } from '../../contracts/index.ts';
import { collectOutput, type GovernedCommand } from '../../session/index.ts';
import { cleanOutput } from '../clean-output.ts';

/** How one command of a shell call went, as OpenAI's shell wants to hear it; causes that it has no word for are named. */
export interface CommandReport {
  readonly stdout: string;
  readonly stderr: string;
  readonly outcome: { readonly type: 'exit'; readonly exit_code: number } | { readonly type: 'timeout' } | { readonly type: Exclude<CommandEnd['cause'], 'exited' | 'timeout'> };
}

export interface ReadCommand {
  readonly end: CommandEnd;
  /** Both channels as they came, cleaned; the middle cut. */
  readonly text: string;
  readonly report: CommandReport;
}

/** Reads a command to its end, keeping at most so many characters of each channel and of both together. */
export async function readCommand(command: GovernedCommand, maxChars: number): Promise<ReadCommand> {
  const channels = { stdout: new BoundedText(maxChars), stderr: new BoundedText(maxChars) };
  const half = Math.ceil(maxChars / 2);
  const onChunk = (chunk: OutputChunk): void => channels[chunk.channel].add(chunk.bytes);
  const { end, text } = await collectOutput(command, { headBytes: half, tailBytes: maxChars - half }, onChunk);
  const report = { stdout: channels.stdout.text(), stderr: channels.stderr.text(), outcome: outcomeOf(end) };
  return { end, text: cleanOutput(text), report };
}

function outcomeOf(end: CommandEnd): CommandReport['outcome'] {
  if (end.cause === 'timeout') return { type: 'timeout' };
  if (end.cause !== 'exited') return { type: end.cause };
  // An exit code is never made up.
  return end.exitCode === undefined ? { type: 'lost' } : { type: 'exit', exit_code: end.exitCode };
}

/** The beginning and the end of one channel. */
class BoundedText {
  readonly #maxBytes: number;
  #head = Buffer.alloc(0);
  #tail = Buffer.alloc(0);
  #cutBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(bytes: Buffer): void {
    const half = Math.ceil(this.#maxBytes / 2);
    const first = bytes.subarray(0, Math.max(0, half - this.#head.length));
    if (first.length > 0) this.#head = Buffer.concat([this.#head, first]);
    const tail = Buffer.concat([this.#tail, bytes.subarray(first.length)]);
    const surplus = Math.max(0, tail.length - (this.#maxBytes - half));
    this.#tail = tail.subarray(surplus);
    this.#cutBytes += surplus;
  }

  text(): string {
    const middle = this.#cutBytes === 0 ? '' : `\n[… ${this.#cutBytes} bytes cut …]\n`;
    return cleanOutput(`${this.#head.toString('utf8')}${middle}${this.#tail.toString('utf8')}`);
  }
}
