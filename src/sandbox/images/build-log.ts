import { z } from 'zod';

const Message = z.object({ stream: z.string().optional(), status: z.string().optional(), error: z.string().optional() });

/** What is worth showing of a build that failed. */
const KEPT_LINES = 20;

/** Reads the engine's answer to a build or a pull: one JSON object a line. */
export class BuildLog {
  readonly #onLine: (line: string) => void;
  readonly #last: string[] = [];
  #error: string | undefined;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** The engine answers 200 and reports a failure in the stream. */
  get error(): string | undefined {
    return this.#error;
  }

  get lastLines(): readonly string[] {
    return this.#last;
  }

  async read(stream: AsyncIterable<Buffer | string>): Promise<void> {
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    }
    this.#take(rest);
  }

  #take(json: string): void {
    if (json.trim() === '') return;
    const message = Message.parse(JSON.parse(json));
    this.#error ??= message.error;
    for (const line of (message.stream ?? message.status ?? message.error ?? '').split('\n')) {
      if (line.trim() === '') continue;
      this.#last.push(line);
      if (this.#last.length > KEPT_LINES) this.#last.shift();
      this.#onLine(line);
    }
  }
}
