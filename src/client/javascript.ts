import type { Connection } from './connection.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

type Program = Omit<BodyOf<'/v1/javascript', 'post'>, 'source'>;
export type JavaScriptEnd = Shape<'JavaScriptEnd'>;

/** Programs in isolates. */
export class JavaScript {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Runs a module whose default export is the result, or gives it. What the program does is in the end that is given, and no error: `cause`, `result`, `error`, `console`. */
  async run(source: string, { signal, ...options }: Program & Waiting = {}): Promise<JavaScriptEnd> {
    return dataOf(await this.#connection.api.POST('/v1/javascript', { body: { source, ...options }, signal: signal ?? null }));
  }
}
