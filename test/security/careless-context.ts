import { createContext, runInContext } from 'node:vm';
import { inspect } from 'node:util';

/** A `node:vm` context as vm2 and many before it began: objects of the host go in, and what comes out is looked at by the host. Gives what the program evaluates to. */
export async function runCarelessly(program: string): Promise<unknown> {
  const looked: string[] = [];
  const look = (value: unknown): void => void looked.push(inspect(value));
  const read = async (path: unknown): Promise<string> => {
    if (String(path) === 'missing') throw new Error('no such file');
    return 'text';
  };
  const log = (...values: unknown[]): void => [...values].forEach((value) => look(value));
  const context = createContext({ console: { log }, files: { read }, args: [{ by: 'reference' }] });
  try {
    const value: unknown = await (runInContext(program, context, { timeout: 5_000 }) as Promise<unknown>);
    return typeof value === 'object' && value !== null ? JSON.parse(JSON.stringify(value)) : value;
  } catch (error) {
    return `threw ${String(error)}`;
  }
}
