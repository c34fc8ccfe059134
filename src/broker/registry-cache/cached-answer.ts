import type { Readable } from 'node:stream';
import { EgressRefusal, UpstreamFailure } from '../egress/refusal.ts';
import type { Answering, Asker, Question } from '../egress/upstream-connection.ts';
import type { readAnswer } from './answer-file.ts';

type Kept = NonNullable<Awaited<ReturnType<typeof readAnswer>>>;

/** An answer that was kept, told as the other side would tell it. */
export class CachedAnswer implements Answering {
  readonly #kept: Kept;
  readonly #host: string;
  #body: Readable | undefined;

  constructor(kept: Kept, host: string) {
    this.#kept = kept;
    this.#host = host;
  }

  ask(_question: Question, asker: Asker): void {
    const { policy, status, headers, body } = this.#kept;
    const aged = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'age');
    this.#body = body();
    this.#body.once('ready', () => this.#tell(() => {
      asker.began(status, [...aged, 'Age', String(Math.floor(policy.age()))]);
      asker.settled();
    }));
    this.#body.on('data', (bytes: Buffer) => this.#tell(() => asker.data(bytes)));
    this.#body.once('end', () => asker.ended([]));
    this.#body.once('error', (error) => asker.failed(error instanceof UpstreamFailure || error instanceof EgressRefusal ? error : new UpstreamFailure('answer_cut', this.#host, error)));
  }

  /** What the asker throws, as at a limit, ends it. */
  #tell(say: () => void): void {
    try {
      say();
    } catch (error) {
      this.#body?.destroy(error as Error);
    }
  }

  giveBack(): void {
    // Nobody else waits for it.
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  abort(error: unknown): void {
    this.#body?.destroy(error as Error);
  }
}
