import { createHash, hash } from 'node:crypto';
import {
  type Blobs,
  type CommandLimits,
  type ConsoleLine,
  type Decision,
  type IdSource,
  type Isolates,
  type JavaScriptCause,
  type JavaScriptEnd,
  type JavaScriptForm,
  type JavaScriptId,
  type JavaScriptLanguage,
  type JavaScriptLimits,
  type JavaScriptSpec,
  type NewEvent,
  canonicalJson,
  describeError,
  GloveboxError,
} from '../contracts/index.ts';
import type { Gate } from './gate.ts';
import { type FunctionPorts, functionsOf, groupsOf, type ProgramGrants } from './javascript-functions.ts';

/** A program as a caller asks for it; what is left out comes from the policy. */
export interface JavaScriptRequest {
  readonly source: string;
  /** `program.js` or `program.ts` by default. It is told in errors, so no path of the host. */
  readonly fileName?: string;
  readonly language?: JavaScriptLanguage;
  readonly form?: JavaScriptForm;
  readonly args?: readonly unknown[];
  readonly grants?: ProgramGrants;
  readonly limits?: Partial<JavaScriptLimits>;
  readonly onConsole?: (line: ConsoleLine) => void;
  readonly signal?: AbortSignal;
}

/** A program that policy has judged, and how it ended. */
export interface GovernedJavaScript {
  readonly id: JavaScriptId;
  readonly decision: Decision;
  readonly end: JavaScriptEnd;
}

/** Where nobody limits it: of a command it is the sandbox that would. */
const OUTPUT_BYTES = 2 ** 20;
/** A program of this many characters stands in the journal itself. */
const SHORT_SOURCE = 16_384;
const NOTHING = '';

interface ProgramPorts extends FunctionPorts {
  readonly isolates: Isolates | undefined;
  readonly gate: Gate;
  readonly ids: IdSource;
  readonly owner: string;
  readonly limits: CommandLimits;
  readonly memoryBytes: number;
  /** Where it runs, if not on this host. */
  readonly sandbox: JavaScriptSpec['sandbox'];
  readonly blobs: Blobs | undefined;
  readonly touch: () => void;
  /** Told that an end could not be written down. */
  readonly unwritten: (error: unknown) => void;
}

/** The programs of a session: none runs that was not decided and written down, and each has one end. */
export class GovernedPrograms {
  readonly #options: ProgramPorts;
  readonly #ends = new Set<Promise<unknown>>();

  constructor(options: ProgramPorts) {
    this.#options = options;
  }

  /** Resolves when none runs, and the last end is written. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#ends);
  }

  get isBusy(): boolean {
    return this.#ends.size > 0;
  }

  /** Errors: `kind_unavailable`, `admission_full`, and what the journal throws before it began; how it ended is told, and never thrown. */
  async run(request: JavaScriptRequest, sessionSignal: AbortSignal): Promise<GovernedJavaScript> {
    const { gate, isolates, ids, sandbox, touch } = this.#options;
    const signal = request.signal === undefined ? sessionSignal : AbortSignal.any([sessionSignal, request.signal]);
    signal.throwIfAborted();
    if (isolates === undefined) throw new GloveboxError('kind_unavailable', 'there are no isolates here');
    touch();
    const id = ids.next('jsc');
    const { language = 'javascript', form = 'module', grants = {} } = request;
    const functions = functionsOf(grants, this.#options);
    const groups = groupsOf(grants);
    const sourceHash = `sha256:${hash('sha256', request.source)}`;
    const { allowed, decision, event } = await gate.consider({ action: 'javascript.run', language, source: sourceHash, functions: groups }, { signal });
    if (!allowed) return { id, decision, end: await this.#neverRan(id, 'policy', [event]) };
    const started: NewEvent = { type: 'javascript.started', data: { call: id, language, form, sourceHash, ...(await this.#sourceOf(request.source)), functions: groups, place: sandbox === undefined ? 'host' : 'sandbox' } };
    await gate.write([event, started]);
    if (signal.aborted) return { id, decision, end: await this.#neverRan(id, 'cancelled') };
    const fileName = request.fileName ?? (language === 'typescript' ? 'program.ts' : 'program.js');
    const { source, args = [] } = request;
    const spec = { owner: this.#options.owner, source, fileName, language, form, args, limits: this.#limits(request.limits), functions, signal, ...(sandbox === undefined ? {} : { sandbox }) };
    const end = this.#follow(id, isolates, spec, request.onConsole);
    this.#ends.add(end);
    try {
      return { id, decision, end: await end };
    } finally {
      this.#ends.delete(end);
      touch();
    }
  }

  async #follow(id: JavaScriptId, isolates: Isolates, spec: JavaScriptSpec, heard: JavaScriptRequest['onConsole']): Promise<JavaScriptEnd> {
    const consoleHash = createHash('sha256');
    let lines = 0;
    const onConsole = (line: ConsoleLine): void => {
      lines += 1;
      consoleHash.update(`${line.level} ${line.text}\n`);
      heard?.(line);
    };
    try {
      const end = await isolates.run({ ...spec, onConsole });
      await this.#ended(id, end, lines === 0 ? NOTHING : `sha256:${consoleHash.digest('hex')}`);
      return end;
    } catch (error) {
      // It was never handed over: the journal's reader is told, too.
      const code = error instanceof GloveboxError ? error.code : 'internal';
      await this.#ended(id, { ...neverRan('not_started'), error: { name: code, message: describeError(error) } }, NOTHING);
      throw error;
    }
  }

  /** It ran, whether or not that can be written; see `GovernedSandbox`. */
  async #ended(call: JavaScriptId, { result, ...end }: JavaScriptEnd, consoleHash: string): Promise<void> {
    const resultHash = result === undefined ? NOTHING : `sha256:${hash('sha256', canonicalJson(result))}`;
    try {
      await this.#options.gate.write([{ type: 'javascript.ended', data: { call, end, resultHash, consoleHash } }]);
    } catch (error) {
      this.#options.unwritten(error);
    }
  }

  /** An end is written for a program that was not handed over, after `before`. */
  async #neverRan(call: JavaScriptId, cause: 'policy' | 'cancelled', before: readonly NewEvent[] = []): Promise<JavaScriptEnd> {
    const end = neverRan(cause);
    await this.#options.gate.write([...before, { type: 'javascript.ended', data: { call, end, resultHash: NOTHING, consoleHash: NOTHING } }]);
    return end;
  }

  async #sourceOf(source: string): Promise<{ readonly source?: string }> {
    if (source.length <= SHORT_SOURCE) return { source };
    await this.#options.blobs?.put(Buffer.from(source));
    return {};
  }

  /** A caller may ask for less than the policy lends, never for more. */
  #limits(asked: Partial<JavaScriptLimits> = {}): JavaScriptLimits {
    const { wallMs, cpuMs = Infinity, outputBytes = OUTPUT_BYTES } = this.#options.limits;
    const least = Math.min(cpuMs, asked.cpuMs ?? Infinity);
    return {
      wallMs: Math.min(wallMs, asked.wallMs ?? wallMs),
      memoryBytes: Math.min(this.#options.memoryBytes, asked.memoryBytes ?? this.#options.memoryBytes),
      outputBytes: Math.min(outputBytes, asked.outputBytes ?? outputBytes),
      ...(least === Infinity ? {} : { cpuMs: least }),
    };
  }
}

function neverRan(cause: JavaScriptCause): JavaScriptEnd {
  return { cause, usage: { wallMs: 0, cpuMs: 0, memoryBytes: 0 }, output: { consoleBytes: 0, resultBytes: 0 } };
}
