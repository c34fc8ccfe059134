import type { Connection } from './connection.ts';
import { type BodyOf, dataOf, type Shape, type Waiting } from './shapes.ts';

export type AuditReport = Shape<'AuditReport'>;

/** The journal as evidence. */
export class Audit {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Reads the whole journal and says all that is wrong with it: for the operator. */
  async verify(asked: BodyOf<'/v1/audit/verify', 'post'> = {}, { signal }: Waiting = {}): Promise<AuditReport> {
    return dataOf(await this.#connection.api.POST('/v1/audit/verify', { body: asked, signal: signal ?? null }));
  }

  /** Signs what the journal holds now: a note to be kept elsewhere, and what verifies it. */
  async checkpoint({ signal }: Waiting = {}): Promise<Shape<'Checkpoint'>> {
    return dataOf(await this.#connection.api.POST('/v1/audit/checkpoints', { signal: signal ?? null }));
  }

  /** What verifies checkpoints and exports of the server. */
  async key({ signal }: Waiting = {}): Promise<string> {
    return dataOf(await this.#connection.api.GET('/v1/audit/key', { signal: signal ?? null })).key;
  }

  /** The streams of your tenant, a line for each event; `jsonl` proves itself, `ocsf` is for a SIEM. What broke off has no last line that says so. */
  async *export({ signal, runs, ...given }: Waiting & { readonly format?: 'jsonl' | 'ocsf'; readonly sinceMs?: number; readonly runs?: readonly string[]; readonly everything?: boolean } = {}): AsyncGenerator<string, void, undefined> {
    const query = { ...given, ...(runs === undefined ? {} : { runs: runs.join(',') }) };
    const { body } = await this.#connection.raw('/v1/audit/export', { query, signal: signal ?? null });
    if (body === null) return;
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (text + value).split('\n');
        text = lines.pop() ?? '';
        yield* lines;
      }
      if (text !== '') yield text;
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }
}
