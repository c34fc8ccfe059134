import type { CommandEnd, CommandId, OutputChunk, OutputOffsets } from '../../contracts/index.ts';
import type { GovernedCommand } from '../../session/index.ts';
import { TerminalLine } from '../terminals/terminal-line.ts';
import type { OutputLog } from './output-log.ts';

/** A command that a client may come back to: its output from any byte on, and its end, until it is forgotten. */
export class ServedCommand implements AsyncDisposable {
  readonly argv: readonly string[];
  readonly startedMs: number;
  /** Where it has one. */
  readonly terminal: TerminalLine | undefined;
  readonly #command: GovernedCommand;
  readonly #log: OutputLog;
  readonly #done: Promise<CommandEnd>;
  #end: CommandEnd | undefined;

  constructor(command: GovernedCommand, options: { readonly argv: readonly string[]; readonly startedMs: number; readonly log: OutputLog; readonly terminal?: { readonly keepMs?: number } | undefined }) {
    this.argv = options.argv;
    this.startedMs = options.startedMs;
    this.#command = command;
    this.#log = options.log;
    this.terminal = options.terminal === undefined ? undefined : new TerminalLine({ keepMs: options.terminal.keepMs, hangUp: () => command.cancel() });
    if (this.terminal !== undefined) this.terminal.typedBytes = command.stdinTaken ?? 0;
    this.#done = this.#follow();
    // Whoever waits for the end hears of it.
    this.#done.catch(() => undefined);
  }

  get id(): CommandId {
    return this.#command.id;
  }

  get decision(): GovernedCommand['decision'] {
    return this.#command.decision;
  }

  /** How it ended, once it has and all of its output is here. */
  get end(): CommandEnd | undefined {
    return this.#end;
  }

  /** The command itself, for what goes into it. */
  get running(): GovernedCommand {
    return this.#command;
  }

  /** Resolves with the end. Errors: those of the disk that its output is kept on. */
  get ended(): Promise<CommandEnd> {
    return this.#done;
  }

  /** The end, or undefined when it is still under way after so long. */
  async within(waitMs: number, signal: AbortSignal): Promise<CommandEnd | undefined> {
    if (this.#end !== undefined) return this.#end;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const stop = (): void => resolve(undefined);
    const timer = setTimeout(stop, waitMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([this.#done, promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Types into its terminal. Resolves when there is room for more. */
  async type(bytes: Buffer): Promise<void> {
    await this.#command.write(bytes);
    if (this.terminal !== undefined) this.terminal.typedBytes += bytes.length;
  }

  output(from: OutputOffsets, signal?: AbortSignal): AsyncGenerator<OutputChunk> {
    return this.#log.read(from, signal);
  }

  /** Ends it where it has not ended, and lets its output go. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end === undefined) this.#command.cancel();
    await this.#done.catch(() => undefined);
    this.#command.forget();
    await this.#log[Symbol.asyncDispose]();
  }

  async #follow(): Promise<CommandEnd> {
    try {
      for await (const chunk of this.#command.output) await this.#log.append(chunk);
      const end = await this.#command.end;
      this.#end = end;
      return end;
    } catch (error) {
      this.#command.cancel();
      throw error;
    } finally {
      this.terminal?.[Symbol.dispose]();
      this.#log.end();
    }
  }
}
