import { type ContextLanguage, GloveboxError, type Policy, type Principal, type SandboxKind } from '../../contracts/index.ts';
import { type Context, type GovernedSandbox, Session, type SessionPorts } from '../../session/index.ts';
import { Calls } from './calls.ts';

/** As whom a client works, and under what. */
export interface WorkplaceOptions {
  readonly principal: Principal;
  readonly policy: Policy;
  readonly image?: string;
  readonly kinds?: readonly SandboxKind[];
}

/** Beside the one that is there by itself. */
const MOST_SANDBOXES = 16;

/** What one client works in: a session with a sandbox, begun when it first does something, and as many more as it asks for; each with an interpreter of each language. */
export class Workplace implements AsyncDisposable {
  readonly calls: Calls;
  readonly #ports: SessionPorts;
  readonly #options: WorkplaceOptions;
  readonly #own: Place;
  readonly #others = new Map<string, Place>();

  constructor(ports: SessionPorts, options: WorkplaceOptions) {
    this.calls = new Calls(options.principal);
    this.#ports = { ...ports, ...this.calls.attendance };
    this.#options = options;
    this.#own = new Place(this.#ports, options);
  }

  /** Nothing is open, and nothing under way. */
  get isEmpty(): boolean {
    return this.calls.isEmpty && this.#others.size === 0 && !this.#own.isOpen;
  }

  /** For what needs no sandbox. Errors: those of `Session.open`. */
  session(): Promise<Session> {
    return this.#own.session();
  }

  /** Its own where none is named. Errors: `not_found`, those of `Session.sandbox`. */
  sandbox(id?: string): Promise<GovernedSandbox> {
    return this.#place(id).sandbox();
  }

  /** Keeps its state from call to call, as long as the sandbox is there. Errors: `not_found`, those of `Contexts.open`. */
  context(language: ContextLanguage, id?: string): Promise<Context> {
    return this.#place(id).context(language);
  }

  /** One more, with a session of its own; gives its id. Errors: `admission_full`, those of `Session.open` and of the driver. */
  async create({ image }: { image?: string | undefined }): Promise<string> {
    if (this.#others.size >= MOST_SANDBOXES) throw new GloveboxError('admission_full', `${MOST_SANDBOXES} sandboxes are open: delete one`);
    const place = new Place(this.#ports, { ...this.#options, ...(image === undefined ? {} : { image }) });
    try {
      const sandbox = await place.sandbox();
      this.#others.set(sandbox.id, place);
      void sandbox.gone.then(() => {
        this.#others.delete(sandbox.id);
        return place[Symbol.asyncDispose]();
      });
      return sandbox.id;
    } catch (error) {
      await place[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The next thing is done in a fresh one where it was its own. Errors: `not_found`. */
  async remove(id?: string): Promise<void> {
    await this.#place(id).reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#own, ...this.#others.values()].map((place) => place[Symbol.asyncDispose]()));
  }

  #place(id: string | undefined): Place {
    if (id === undefined) return this.#own;
    const place = this.#others.get(id);
    if (place === undefined) throw new GloveboxError('not_found', `there is no sandbox ${id}, or no more: create_sandbox makes one, and without an id there is always one`);
    return place;
  }
}

/** A session with one sandbox at a time. */
class Place implements AsyncDisposable {
  readonly #ports: SessionPorts;
  readonly #options: WorkplaceOptions;
  #session: Promise<Session> | undefined;
  #sandbox: Promise<GovernedSandbox> | undefined;
  readonly #contexts = new Map<ContextLanguage, Promise<Context>>();

  constructor(ports: SessionPorts, options: WorkplaceOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Another is begun where the one before has ended by itself. */
  session(): Promise<Session> {
    const opening = (this.#session ??= Session.open(this.#ports, this.#options).then((session) => {
      session.signal.addEventListener('abort', ended, { once: true });
      return session;
    }));
    const ended = (): void => {
      if (this.#session !== opening) return;
      this.#session = undefined;
      this.#forget();
    };
    return this.#kept(opening, ended);
  }

  /** A fresh one where the one before is gone. */
  async sandbox(): Promise<GovernedSandbox> {
    const session = await this.session();
    const opening = (this.#sandbox ??= session.sandbox('mcp'));
    const sandbox = await this.#kept(opening, () => this.#forget());
    void sandbox.gone.then(() => {
      if (this.#sandbox === opening) this.#forget();
    });
    return sandbox;
  }

  async context(language: ContextLanguage): Promise<Context> {
    const sandbox = await this.sandbox();
    const opening = this.#contexts.get(language) ?? sandbox.contexts.open({ language });
    this.#contexts.set(language, opening);
    return this.#kept(opening, () => this.#contexts.delete(language));
  }

  async reset(): Promise<void> {
    const sandbox = this.#sandbox;
    this.#forget();
    await (await sandbox)?.destroy('its client wanted a fresh one');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.close('its client has gone');
  }

  #forget(): void {
    this.#sandbox = undefined;
    this.#contexts.clear();
  }

  /** What failed is tried again the next time. */
  async #kept<T>(opening: Promise<T>, forget: () => void): Promise<T> {
    try {
      return await opening;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
