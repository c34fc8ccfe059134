import { type Command, CommanderError, Option } from 'commander';
import { describeError, GloveboxError, type Redactor } from '../contracts/index.ts';
import { here } from './here.ts';
import { ExecError } from './one-sandbox.ts';
import type { Run } from './run-action.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

export interface CliOptions {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Builds everything: for what is done on this machine. */
  readonly openServices: () => Promise<Services>;
}

export function serverOption(): Option {
  return new Option('--server <url>', 'do it at this server instead of here (or GLOVEBOX_URL), with the key in GLOVEBOX_KEY or in the file GLOVEBOX_KEY_FILE');
}

/** Does what a command says, here or at the server that was named, and keeps the exit code. */
export class Doing {
  readonly #options: CliOptions & { readonly terminal: Terminal; readonly signal: AbortSignal };
  /** Of the process. */
  code = 0;
  #name = '';
  #server = '';

  constructor(options: CliOptions & { readonly terminal: Terminal; readonly signal: AbortSignal }) {
    this.#options = options;
  }

  /** The command that is to be done has been found. */
  begin(command: Command): void {
    const { server } = command.optsWithGlobals<{ server?: string }>();
    this.#name = pathOf(command);
    this.#server = server ?? this.#options.env['GLOVEBOX_URL'] ?? '';
  }

  get run(): Run {
    const onThisMachine: Run = async (action) => {
      if (this.#server !== '') throw new GloveboxError('usage', `\`${this.#name}\` works on the machine itself, not at a server: leave --server and GLOVEBOX_URL away`);
      await this.#here(action);
    };
    onThisMachine.anywhere = async (action) => {
      if (this.#server === '') await this.#here((services, signal) => action(here(services), signal));
      else await this.#there(action);
    };
    return onThisMachine;
  }

  async #here(action: (services: Services, signal: AbortSignal) => Promise<number>): Promise<void> {
    const { openServices, signal, terminal } = this.#options;
    await using services = await openServices();
    this.code = await action(services, signal).catch((error: unknown) => report(error, terminal, services.redactor));
  }

  async #there(action: Parameters<Run['anywhere']>[0]): Promise<void> {
    const { signal, ...options } = this.#options;
    const { openRemote, ours } = await import('./remote/index.ts');
    try {
      this.code = await action(await openRemote({ ...options, url: this.#server }), signal);
    } catch (error) {
      throw ours(error);
    }
  }
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** What a guest, an upstream or an engine said is in it, and secrets with that. */
export async function report(error: unknown, terminal: Terminal, redactor?: Redactor): Promise<number> {
  const say = async (text: string): Promise<void> => terminal.note(`glovebox: ${(await redactor?.all(text)) ?? text}`, 'red');
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ExecError) {
    await say(error.message);
    return error.exitCode;
  }
  if (error instanceof GloveboxError) {
    await say(error.message);
    return error.code === 'cancelled' ? 130 : error.exitCode;
  }
  await say(`an error of our own, please report it: ${error instanceof Error ? (error.stack ?? error.message) : describeError(error)}`);
  return 5;
}
