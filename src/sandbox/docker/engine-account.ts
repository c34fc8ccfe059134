import type { Engine } from './engine.ts';

/** All that an engine tells of a container, to anybody who may ask: what it was made of, and what it wrote down of what it said. */
export async function engineAccount(engine: Engine, name: string): Promise<string> {
  const [made, logs] = await Promise.all([engine.container(name), engine.logs(name)]);
  return `${JSON.stringify(made)}\n${logs?.toString('latin1') ?? ''}`;
}
