import type { CommandId, Principal } from '../../contracts/index.ts';
import { GloveboxError } from '../../contracts/index.ts';
import type { CommandRequest, Context, GovernedCommand, GovernedSandbox, LeftCommand, Session } from '../../session/index.ts';
import { defined } from '../defined.ts';
import { KEEP_MS } from '../terminals/terminal-line.ts';
import { OutputLog } from './output-log.ts';
import { ServedCommand } from './served-command.ts';
import type { Spool, SpoolPlace } from './spool.ts';

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

  /**
   * Starts one; one with a terminal that nobody is at for `keepMs` ends. What is kept (somebody may come back to it) outlives the service. Errors: `admission_full` where too many
   * are under way, `journal_failed`.
   */
  async exec(request: CommandRequest, startedMs: number, { keepMs, isKept = false }: { readonly keepMs?: number | undefined; readonly isKept?: boolean } = {}): Promise<ServedCommand> {
    await this.#makeRoom();
    const running = await this.governed.exec(isKept ? { ...request, onUnread: 'keep' } : request);
    const log = new OutputLog(() => this.#spool.open(isKept ? this.#placeOf(running.id) : undefined));
    return this.#keep(running, { argv: request.argv, startedMs, log, terminal: request.terminal === undefined ? undefined : defined({ keepMs }) });
  }

  /** Takes up what a service that died has left running in it, or kept. Errors: those of the disk, `journal_failed`. */
  async inherit(left: LeftCommand): Promise<void> {
    const running = await this.governed.inherit(left);
    if (running === undefined) return;
    const { argv, startedMs, kept } = left;
    if (kept === undefined) {
      void abandon(running);
      return;
    }
    const place = this.#placeOf(running.id);
    const log = new OutputLog(() => this.#spool.open(place), await this.#spool.takeUp(place));
    this.#keep(running, { argv, startedMs, log, terminal: kept === 'terminal' ? { keepMs: KEEP_MS } : undefined });
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
    await this.#spool.forget(this.id);
  }

  #keep(...how: ConstructorParameters<typeof ServedCommand>): ServedCommand {
    const command = new ServedCommand(...how);
    this.#commands.set(command.id, command);
    return command;
  }

  #placeOf(command: CommandId): SpoolPlace {
    return { tenant: this.owner.tenant, sandbox: this.id, command };
  }

  async #makeRoom(): Promise<void> {
    if (this.#commands.size < MOST_COMMANDS && !this.#spool.isFull) return;
    const ended = this.#commands.values().find(({ end }) => end !== undefined);
    if (ended !== undefined) await this.forget(ended);
    else if (this.#commands.size >= MOST_COMMANDS) throw new GloveboxError('admission_full', `${MOST_COMMANDS} commands are under way in ${this.id}: wait for one, or cancel it`, COME_AGAIN);
    else throw new GloveboxError('admission_full', 'the service keeps as much output as it can: delete commands whose output nobody needs any more', COME_AGAIN);
  }
}

/** Nobody was ever told its id, or what it said went to a process that is no more. */
async function abandon(command: GovernedCommand): Promise<void> {
  command.cancel();
  // What nobody reads waits, and the command with it.
  for await (const _ of command.output);
  command.forget();
}
