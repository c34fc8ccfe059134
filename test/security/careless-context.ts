import { createContext, runInContext } from 'node:vm';
import { inspect } from 'node:util';

/** A `node:vm` context as vm2 and many before it began: objects of the host go in, and what comes out is looked at by the host. Gives what the program evaluates to. */
export async function runCarelessly(program: string): Promise<unknown> {
  const looked: string[] = [];
  const look = (value: unknown): void => void looked.push(inspect(value));
  // A sloppy function, as compiled code has them: a call site hands it out.
  // oxlint-disable-next-line no-implied-eval -- the text is ours
  const read = Function('return async function read(path) { if (String(path) === "missing") throw new Error("no such file"); return "text"; }')() as unknown;
  // oxlint-disable-next-line no-implied-eval -- the text is ours
  const deep = Function('look', 'return function log(...values) { [...values].map((value) => look(value)); }')(look) as unknown;
  const context = createContext({ console: { log: deep }, files: { read }, args: [{ by: 'reference' }] });
  try {
    const value: unknown = await (runInContext(program, context, { timeout: 5_000 }) as Promise<unknown>);
    return typeof value === 'object' && value !== null ? JSON.parse(JSON.stringify(value)) : value;
  } catch (error) {
    return `threw ${String(error)}`;
  }
}
