import { posix } from 'node:path';
import { z } from 'zod';
import { type EgressAnswer, type EgressCall, GloveboxError, type HostFunction, type HostFunctionGroup, WORKSPACE } from '../contracts/index.ts';
import type { GovernedFiles } from './governed-files.ts';

/** A tool as a program may call it: `tools.<name>(input)`. What does not fit `input` gets no further. */
export interface ProgramTool {
  readonly version: string;
  readonly input: z.ZodType;
  /** With what `input` made of it. */
  call(input: unknown, signal: AbortSignal): Promise<unknown>;
}

/** What of the host a program is given. Whether it may be is the policy's to say, for each group and then for each call. */
export interface ProgramGrants {
  /** Of the workspace: `files.read(path)`, `write(path, text)`, `list(path)`, `remove(path)`. */
  readonly files?: GovernedFiles;
  readonly tools?: Readonly<Record<string, ProgramTool>>;
  /** `fetch(url, { method, headers, body })`, on the session's way out; texts both ways. */
  readonly fetch?: boolean;
}

/** What the session does for functions. */
export interface FunctionPorts {
  readonly allowTool: (tool: string, version: string) => Promise<void>;
  /** Errors: `denied` where the session has no way out. */
  readonly request: (call: EgressCall) => Promise<EgressAnswer>;
}

type AllowTool = FunctionPorts['allowTool'];
/** What an answer may hold: a program's heap holds it several times. */
const ANSWER_MOST_BYTES = 8 * 2 ** 20;
/** Words of a request that somebody who is in no sandbox makes. */
export const requestWords = {
  method: z.string().regex(/^[A-Za-z]{1,20}$/).default('GET'),
  headers: z.record(z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,200}$/), z.string().regex(/^[\t -~]*$/)).default({}),
};
const fetchInit = z.strictObject({
  ...requestWords,
  body: z.string().optional(),
}).default({ method: 'GET', headers: {} });
/** What an entry of a list is, to a program. */
const MAX_ENTRIES = 10_000;
const TOOL_NAME = /^[A-Za-z_$][\w$]*$/;

/** The groups of a grant, as policy is asked about them. */
export function groupsOf({ files, tools, fetch = false }: ProgramGrants): readonly HostFunctionGroup[] {
  return [...(files === undefined ? [] : (['files'] as const)), ...(tools === undefined ? [] : (['tools'] as const)), ...(fetch ? (['fetch'] as const) : [])];
}

/** The functions of a grant by their names in the program. Errors: `usage` for a tool whose name is none. */
export function functionsOf({ files, tools = {}, fetch = false }: ProgramGrants, { allowTool, request }: FunctionPorts): Readonly<Record<string, HostFunction>> {
  const functions = { ...(files === undefined ? {} : fileFunctions(files)), ...toolFunctions(tools, allowTool), ...(fetch ? { fetch: fetchFunction(request) } : {}) };
  return Object.fromEntries(Object.entries(functions).map(([name, call]) => [name, plainErrors(name, call)]));
}

function fileFunctions(files: GovernedFiles): Record<string, HostFunction> {
  return {
    'files.read': async ([path], signal) => (await files.read(pathOf(path), { signal })).toString('utf8'),
    'files.write': async ([path, text], signal) => {
      if (typeof text !== 'string') throw new GloveboxError('usage', 'expected a path and a text');
      await files.write(pathOf(path), Buffer.from(text), { signal, parents: true });
    },
    'files.list': async ([path = '.'], signal) => {
      const entries = await files.list(pathOf(path), { signal, limit: MAX_ENTRIES });
      return entries.map(({ path: name, type, sizeBytes }) => ({ name, type, sizeBytes }));
    },
    'files.remove': ([path], signal) => files.remove(pathOf(path), { signal }),
  };
}

function toolFunctions(tools: Readonly<Record<string, ProgramTool>>, allowTool: AllowTool): Record<string, HostFunction> {
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      if (!TOOL_NAME.test(name)) throw new GloveboxError('usage', `a program cannot call a tool by the name ${JSON.stringify(name)}`);
      const call: HostFunction = async ([given], signal) => {
        const input = tool.input.safeParse(given);
        if (!input.success) throw new GloveboxError('usage', `the input does not fit: ${z.prettifyError(input.error)}`);
        await allowTool(name, tool.version);
        signal.throwIfAborted();
        return tool.call(input.data, signal);
      };
      return [`tools.${name}`, call];
    }),
  );
}

/** What policy refuses is an answer of 403 in words, as to a program in a sandbox. */
function fetchFunction(request: FunctionPorts['request']): HostFunction {
  return async ([url, given], signal) => {
    const init = fetchInit.safeParse(given ?? undefined);
    if (typeof url !== 'string' || !init.success) throw new GloveboxError('usage', `expected an address, and { method, headers, body } of texts${init.success ? '' : `: ${z.prettifyError(init.error)}`}`);
    const { method, headers, body } = init.data;
    const answer = await request({ url, method: method.toUpperCase(), headers, body: body === undefined ? undefined : Buffer.from(body), mostBytes: ANSWER_MOST_BYTES, signal });
    return { status: answer.status, ok: answer.status >= 200 && answer.status < 300, headers: answer.headers, body: answer.body.toString('utf8') };
  };
}

/** Relative ones begin at the workspace. */
function pathOf(path: unknown): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) throw new GloveboxError('usage', 'expected a path');
  return posix.resolve(WORKSPACE, path);
}

/** What a program is told of an error: its kind, and no word of where things lie on the host. */
function plainErrors(name: string, call: HostFunction): HostFunction {
  return async (args, signal) => {
    try {
      return await call(args, signal);
    } catch (error) {
      throw new GloveboxError(error instanceof GloveboxError ? error.code : 'internal', `${name}: ${plainly(error)}`, { cause: error });
    }
  };
}

function plainly(error: unknown): string {
  if (!(error instanceof GloveboxError)) return 'failed';
  switch (error.code) {
    case 'denied':
    case 'budget_exhausted':
      return `denied by ${error.details['rule']}`;
    case 'file_failed':
      return String(error.details['errno'] ?? 'failed');
    case 'usage':
    case 'egress_failed':
      return error.message;
    default:
      return `failed (${error.code})`;
  }
}
