import { stripTypeScriptTypes } from 'node:module';
import type { EndMessage, MessageFromChild, ReplyMessage, RunMessage } from '../messages.ts';
import type { PreparedIsolate } from './prepared-isolate.ts';
import { thrownError, userFrames } from './thrown-error.ts';

type Ending = Pick<EndMessage, 'cause' | 'result' | 'error'>;
/** After the host's own clock, which is the one that counts. */
const SECOND_CLOCK_MS = 2_000;
const LEVELS: ReadonlySet<string> = new Set(['debug', 'log', 'info', 'warn', 'error']);

/** One program in one isolate. Settles when it has ended; where it never does, the host ends the whole child. */
export class Call {
  readonly #message: RunMessage;
  readonly #place: PreparedIsolate;
  readonly #send: (message: MessageFromChild) => void;
  readonly #ended = Promise.withResolvers<Ending>();
  readonly #timeout: number;
  #over = false;
  #ending: Ending = { cause: 'returned' };

  constructor(message: RunMessage, place: PreparedIsolate, send: (message: MessageFromChild) => void) {
    this.#message = message;
    this.#place = place;
    this.#send = send;
    this.#timeout = message.wallMs + SECOND_CLOCK_MS;
    place.said = (kind, text, extra) => this.#said(kind, text, extra);
  }

  /** Runs the program until it waits for something; then until it has what it waits for. */
  run(): Promise<Ending> {
    const { args, functions, form, fileName } = this.#message;
    try {
      this.#place.install.applySync(undefined, [args, JSON.stringify(functions)]);
      if (form === 'module') this.#place.runModule(this.#source(), fileName, this.#timeout);
      else this.#place.runScript(this.#source(), fileName, this.#timeout);
    } catch (error) {
      this.#fail(error);
    }
    return this.#ended.promise;
  }

  /** Hands the program what a host function gave. */
  reply({ id, ok, text }: ReplyMessage): void {
    if (this.#over) return;
    try {
      this.#place.settle.applySync(undefined, [id, ok, text], { timeout: this.#timeout });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Types become spaces: every line and column stays where it was. */
  #source(): string {
    return this.#message.language === 'typescript' ? stripTypeScriptTypes(this.#message.source) : this.#message.source;
  }

  #said(kind: string, text: string, extra: string): void {
    if (this.#over) return;
    if (LEVELS.has(kind)) this.#send({ type: 'console', level: kind as 'log', text });
    else if (kind === 'ask') {
      const space = extra.indexOf(' ');
      this.#send({ type: 'ask', id: Number(extra.slice(0, space)), name: extra.slice(space + 1), args: text });
    } else if (kind === 'returned') this.#end({ cause: 'returned', result: text });
    else if (kind === 'undefined') this.#end({ cause: 'returned' });
    else if (kind === 'output') this.#end({ cause: 'output' });
    else if (kind === 'threw' || kind === 'unclonable') this.#end({ cause: kind, error: userFrames(JSON.parse(text), this.#message.fileName) });
  }

  /** What did not come to an end of the program's own: it could not be compiled, ran out of memory, or rejected where nobody looked. */
  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : '';
    if (this.#place.isDisposed || message.includes('due to memory limit')) this.#end({ cause: 'memory' });
    else if (message === 'Script execution timed out.') this.#end({ cause: 'timeout' });
    else this.#end({ cause: 'threw', error: thrownError(error, this.#message.fileName) });
  }

  /** What comes to light in the same turn as the end (a rejection that nobody handled) is the end instead. */
  #end(ending: Ending): void {
    this.#ending = ending;
    if (this.#over) return;
    this.#over = true;
    queueMicrotask(() => this.#ended.resolve(this.#ending));
  }
}
