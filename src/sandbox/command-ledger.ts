import type { CommandId } from '../contracts/index.ts';
import type { GuestCommand } from './command.ts';
import type { KnownCommand } from './wire/messages-from-guest.ts';

/** Ended commands that init is left to remember although nobody asked for it, because whoever journals a result may die just before, and will ask again. */
const REMEMBERED = 8;
/** Ended commands that we remember: the same id again is the same command, not another run. */
const KNOWN_HERE = 256;

/** The commands of one sandbox that this host knows, and those of them that init must not forget yet. */
export class CommandLedger {
  /** Sends DONE: init may forget it. */
  readonly #acknowledge: (command: GuestCommand) => void;
  readonly #byId = new Map<CommandId, GuestCommand>();
  readonly #running = new Set<GuestCommand>();
  /** Ended ones that nobody wants kept; the oldest first. */
  readonly #ended: GuestCommand[] = [];
  /** Ended ones that init still has. */
  readonly #inInit = new Set<GuestCommand>();
  /** Commands that init knew when we attached, by id: somebody before us started them. */
  readonly #inherited = new Map<string, KnownCommand>();

  constructor(acknowledge: (command: GuestCommand) => void) {
    this.#acknowledge = acknowledge;
  }

  get running(): Iterable<GuestCommand> {
    return this.#running;
  }

  get(id: CommandId): GuestCommand | undefined {
    return this.#byId.get(id);
  }

  add(command: GuestCommand): void {
    this.#byId.set(command.id, command);
    this.#running.add(command);
  }

  inherit(known: readonly KnownCommand[]): void {
    for (const command of known) this.#inherited.set(command.id, command);
  }

  /** Whoever takes it takes it up. */
  takeInherited(id: CommandId): KnownCommand | undefined {
    const known = this.#inherited.get(id);
    this.#inherited.delete(id);
    return known;
  }

  /** Of the commands that init knows, the streams of those that nobody here asks for any more: what was acknowledged on a wire that broke may never have arrived. */
  *acknowledged(known: readonly KnownCommand[]): Iterable<number> {
    const wanted = new Set([...this.#running, ...this.#inInit].map(({ stream }) => stream));
    for (const { id, stream, ended } of known) {
      if (ended && !wanted.has(stream) && !this.#inherited.has(id)) yield stream;
    }
  }

  settled(command: GuestCommand): void {
    this.#running.delete(command);
    if (command.reached) this.#inInit.add(command);
    if (command.isForgotten) this.forget(command);
    else if (!command.isKept) this.#age(command);
  }

  /** A command that has ended is as if it had never been. */
  forget(command: GuestCommand): void {
    if (this.#running.has(command)) return;
    if (this.#byId.get(command.id) === command) this.#byId.delete(command.id);
    this.#release(command);
  }

  #age(command: GuestCommand): void {
    this.#ended.push(command);
    const forgotten = this.#ended.length > KNOWN_HERE ? this.#ended.shift() : undefined;
    if (forgotten !== undefined) this.forget(forgotten);
    const released = this.#ended.at(-1 - REMEMBERED);
    if (released !== undefined) this.#release(released);
  }

  #release(command: GuestCommand): void {
    if (this.#inInit.delete(command)) this.#acknowledge(command);
  }
}
