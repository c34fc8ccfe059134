import type { CommandId, Principal } from '../../contracts/index.ts';
import { GloveboxError } from '../../contracts/index.ts';
import type { CommandRequest, Context, GovernedSandbox, Session } from '../../session/index.ts';
import { defined } from '../defined.ts';
import { ServedCommand } from './served-command.ts';
import type { Spool } from './spool.ts';

/** What a client wrote on a sandbox of its own, to find it again. */
export type Labels = Readonly<Record<string, string>>;

/** So many commands are kept for whoever comes back to them; of those that ended the oldest goes first. */
const MOST_COMMANDS = 200;

const COME_AGAIN = { details: { retryAfterSeconds: 1 } };

/** A sandbox that a client has open, with the session that it is of, and what runs in it. */
export class ServedSandbox implements AsyncDisposable {
  readonly governed: GovernedSandbox;
  readonly session: Session;
  readonly owner: Principal;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly labels: Labels;
  readonly contexts = new Map<string, Context>();
  isPaused = false;
  readonly #spool: Spool;
  readonly #commands = new Map<CommandId, ServedCommand>();

  constructor(options: { readonly governed: GovernedSandbox; readonly session: Session; readonly owner: Principal; readonly createdMs: number; readonly labels: Labels; readonly spool: Spool }) {
    this.governed = options.governed;
    this.session = options.session;
    this.owner = options.owner;
    this.createdMs = options.createdMs;
    this.expiresMs = options.createdMs + options.session.policy.grant.session.wallMs;
    this.labels = options.labels;
    this.#spool = options.spool;
  }

  get id(): string {
    return this.governed.id;
  }

  /** Starts one; one with a terminal that nobody is at for `keepMs` ends. Errors: `admission_full` where too many are under way, `journal_failed`. */
  async exec(request: CommandRequest, startedMs: number, { keepMs }: { readonly keepMs?: number } = {}): Promise<ServedCommand> {
    await this.#makeRoom();
    const command = new ServedCommand(await this.governed.exec(request), { argv: request.argv, startedMs, spool: this.#spool, terminal: request.terminal === undefined ? undefined : defined({ keepMs }) });
    this.#commands.set(command.id, command);
    return command;
  }

  get commands(): readonly ServedCommand[] {
    return [...this.#commands.values()];
  }

  /** Errors: `not_found`. */
  command(id: string): ServedCommand {
    const command = this.#commands.get(id as CommandId); // Any text may be asked for: what is not there is not found.
    if (command === undefined) throw new GloveboxError('not_found', `there is no command ${id} in ${this.id}, or no more`);
    return command;
  }

  /** Ends it where it runs, and nobody can ask for it any more. */
  async forget(command: ServedCommand): Promise<void> {
    this.#commands.delete(command.id);
    await command[Symbol.asyncDispose]();
  }

  /** Errors: `not_found`. */
  context(id: string): Context {
    const context = this.contexts.get(id);
    if (context === undefined) throw new GloveboxError('not_found', `there is no context ${id} in ${this.id}, or no more`);
    return context;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#commands.values()].map((command) => this.forget(command)));
  }

  async #makeRoom(): Promise<void> {
    if (this.#commands.size < MOST_COMMANDS && !this.#spool.isFull) return;
    const ended = this.#commands.values().find(({ end }) => end !== undefined);
    if (ended !== undefined) await this.forget(ended);
    else if (this.#commands.size >= MOST_COMMANDS) throw new GloveboxError('admission_full', `${MOST_COMMANDS} commands are under way in ${this.id}: wait for one, or cancel it`, COME_AGAIN);
    else throw new GloveboxError('admission_full', 'the service keeps as much output as it can: delete commands whose output nobody needs any more', COME_AGAIN);
  }
}
