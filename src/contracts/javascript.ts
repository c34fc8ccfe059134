import type { SandboxKind } from './sandbox.ts';

/** What a call of a host function is part of; a policy lends each by its name. */
export type HostFunctionGroup = 'files' | 'tools' | 'fetch';

export type JavaScriptLanguage = 'javascript' | 'typescript';

/** `module`: its default export is the result, called with the arguments where it is a function. `script`: the same with the value of its last statement. */
export type JavaScriptForm = 'module' | 'script';

export interface JavaScriptLimits {
  /** From when it is handed to an isolate. */
  readonly wallMs: number;
  readonly cpuMs?: number;
  /** The isolate's heap, array buffers included; each WebAssembly memory by itself. At least 8 MiB. */
  readonly memoryBytes: number;
  /** Console and result together, in UTF-8. */
  readonly outputBytes: number;
}

/** Where the child is that holds the isolates: a process of this host, or a sandbox of its own. */
export type JavaScriptPlace = 'host' | 'sandbox';

export type ConsoleLevel = 'debug' | 'log' | 'info' | 'warn' | 'error';

export interface ConsoleLine {
  readonly level: ConsoleLevel;
  readonly text: string;
}

export type JavaScriptCause =
  /** It came to its end. */
  | 'returned'
  /** It threw, or was no program at all (`SyntaxError`): `error` says what. An unhandled rejection is one, too. */
  | 'threw'
  /** It came to its end with what JSON cannot carry: `error` says what. */
  | 'unclonable'
  | 'timeout'
  | 'cpu_time'
  | 'memory'
  | 'output'
  | 'cancelled'
  /** Refused by policy: it never ran. */
  | 'policy'
  /** It never ran, and could not have: `error` says why. */
  | 'not_started'
  /** The child went away, or broke the protocol, before the end was known. */
  | 'lost';

/** What was thrown. Nothing of it names a place on the host. */
export interface JavaScriptError {
  readonly name: string;
  readonly message: string;
  /** Frames in the given source, one a line: `at name (file:line:column)`. */
  readonly stack?: string;
}

/** How a call ended. Exactly one for each call. */
export interface JavaScriptEnd {
  readonly cause: JavaScriptCause;
  /** JSON, with `returned`; absent where the result was `undefined`. */
  readonly result?: unknown;
  readonly error?: JavaScriptError;
  readonly usage: {
    readonly wallMs: number;
    readonly cpuMs: number;
    /** What its heap held at the end; resident memory of the child where that was killed. */
    readonly memoryBytes: number;
  };
  readonly output: { readonly consoleBytes: number; readonly resultBytes: number };
}

/** A function of the host that the program can call: JSON in, JSON out, by value. What it throws reaches the program as a message. */
export type HostFunction = (args: readonly unknown[], signal: AbortSignal) => Promise<unknown>;

export interface JavaScriptSpec {
  /** Children are shared by the calls of one owner, and by nobody else. */
  readonly owner: string;
  readonly source: string;
  /** For errors to name; never a path of the host. */
  readonly fileName: string;
  readonly language: JavaScriptLanguage;
  readonly form: JavaScriptForm;
  /** JSON values, also as the global `args`. */
  readonly args: readonly unknown[];
  readonly limits: JavaScriptLimits;
  /** The sandbox that its child runs in; without one it is a process of this host. */
  readonly sandbox?: { readonly kinds: readonly SandboxKind[]; readonly hardLimits: boolean };
  /** By name: `files.read` is `files.read(…)` in the program. */
  readonly functions: Readonly<Record<string, HostFunction>>;
  /** Each line as it comes, in order; must not throw. */
  readonly onConsole?: (line: ConsoleLine) => void;
  readonly signal?: AbortSignal;
}

/** Runs JavaScript out of this process, in isolates of child processes. */
export interface Isolates extends AsyncDisposable {
  /** Never rejects for what the program does. Errors: `kind_unavailable`, `admission_full`, and in a sandbox those of `Sandboxes.create`. */
  run(spec: JavaScriptSpec): Promise<JavaScriptEnd>;
  /** Ends the children of an owner, with whatever runs in them. */
  release(owner: string): Promise<void>;
}

/** What isolates are doing: children with a call and without, and calls that wait for one. */
export interface IsolateLoad {
  readonly busy: number;
  readonly idle: number;
  readonly waiting: number;
}
