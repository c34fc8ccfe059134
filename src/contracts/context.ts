import type { CallId, ContextId } from './ids.ts';
import type { CommandEnd } from './sandbox.ts';

/** What a context speaks; the image has to have the program: `python3`, or `node`. */
export type ContextLanguage = 'python' | 'javascript';

/** An interpreter that keeps its state from one call to the next. */
export interface ContextSpec {
  readonly language: ContextLanguage;
  /** Absolute; the workspace by default. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What one call may use. CPU time is the interpreter's, over all of its calls. */
export interface CallLimits {
  readonly wallMs: number;
  /** stdout, stderr and what is displayed, together. */
  readonly outputBytes: number;
}

/** A data frame: its first rows and columns. Numbers that JSON does not have, and values of other types, are text. */
export interface Table {
  readonly columns: readonly string[];
  /** One for each row. */
  readonly index: readonly string[];
  readonly rows: readonly (readonly (string | number | boolean | null)[])[];
  readonly totalRows: number;
  readonly totalColumns: number;
}

/** What a program shows of a value. */
export interface Display {
  /** By media type, of a value `text/plain` among them: text as it is, images other than SVG in base64, `application/json` as JSON text. */
  readonly data: Readonly<Record<string, string>>;
  readonly table?: Table;
  /** Media types that were left out, because they were larger than what the call may put out. */
  readonly omitted?: readonly string[];
}

export type CallCause =
  | 'finished'
  /** An exception came out of it: the event `error` says which. */
  | 'raised'
  /** Stopped by `interrupt`. */
  | 'interrupted'
  | 'timeout'
  | 'output'
  | 'cancelled'
  /** The interpreter ended meanwhile; `interpreter` says how. */
  | 'died'
  /** The interpreter said what it cannot say, and was ended for it: `detail` says what. */
  | 'violation'
  /** Refused by policy: it never ran. */
  | 'policy'
  /** There is no interpreter, and none could be started: `detail` says why. It never ran. */
  | 'not_started'
  /** The sandbox or the wire went away before the end was known. */
  | 'lost';

/** How a call ended. Exactly one for each call. */
export interface CallEnd {
  readonly cause: CallCause;
  /** Whether what earlier calls made is still there for the next. */
  readonly state: 'kept' | 'lost';
  /** Where the interpreter ended, too. */
  readonly interpreter?: CommandEnd;
  readonly detail?: string;
  /** Without the time that the sandbox was paused. */
  readonly wallMs: number;
  readonly output: {
    readonly stdoutBytes: number;
    readonly stderrBytes: number;
    readonly displayBytes: number;
    /** Beyond the output limit, or written between this call and the one before: counted, thrown away. */
    readonly droppedBytes: number;
  };
}

/** What a call says, in order of arrival. */
export type CallEvent =
  /** First, where the interpreter had ended by itself since the call before: everything that calls before made is gone. */
  | { readonly type: 'restarted'; readonly interpreter: CommandEnd }
  | { readonly type: 'stdout' | 'stderr'; readonly bytes: Buffer }
  | { readonly type: 'display'; readonly display: Display }
  /** The value of the last expression, where it has one. */
  | { readonly type: 'result'; readonly display: Display }
  | { readonly type: 'error'; readonly name: string; readonly message: string; readonly traceback: string }
  /** Last, always. */
  | { readonly type: 'end'; readonly end: CallEnd };

/** One piece of code in a context. */
export interface RunningCall {
  readonly id: CallId;
  readonly context: ContextId;
  /** Once only. What nobody reads is held, up to the call's output limit. */
  readonly events: AsyncIterable<CallEvent>;
  /** Never rejects: what goes wrong is a cause. Settles whether or not anybody reads. */
  readonly end: Promise<CallEnd>;
}
