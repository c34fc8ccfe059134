import { posix } from 'node:path';
import { z } from 'zod';
import { GloveboxError, type HostFunction, type HostFunctionGroup, WORKSPACE } from '../contracts/index.ts';
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
}

type AllowTool = (tool: string, version: string) => Promise<void>;
/** What an entry of a list is, to a program. */
const MAX_ENTRIES = 10_000;
const TOOL_NAME = /^[A-Za-z_$][\w$]*$/;

/** The groups of a grant, as policy is asked about them. */
export function groupsOf({ files, tools }: ProgramGrants): readonly HostFunctionGroup[] {
  return [...(files === undefined ? [] : (['files'] as const)), ...(tools === undefined ? [] : (['tools'] as const))];
}

/** The functions of a grant by their names in the program. Errors: `usage` for a tool whose name is none. */
export function functionsOf({ files, tools = {} }: ProgramGrants, allowTool: AllowTool): Readonly<Record<string, HostFunction>> {
  const functions = { ...(files === undefined ? {} : fileFunctions(files)), ...toolFunctions(tools, allowTool) };
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
      return error.message;
    default:
      return `failed (${error.code})`;
  }
}
