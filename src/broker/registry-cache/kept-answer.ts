import type { Socket } from 'node:net';
import type { RawHeaders } from '../egress/headers.ts';
import type { Asker } from '../egress/upstream-connection.ts';
import type { AnswerFile } from './answer-file.ts';

export interface KeptAnswerOptions {
  readonly asker: Asker;
  /** Undefined where such an answer is not kept. */
  readonly begin: (status: number, headers: RawHeaders) => AnswerFile | undefined;
  /** A longer answer is not kept. */
  readonly mostBytes: number;
  /** Hears of an answer that is whole, and of one that is given up. */
  readonly ended: (file: AnswerFile, isWhole: boolean) => void;
}

/** A disk that is slower than the program keeps it waiting no longer than this. */
const HELD_BYTES = 8 * 2 ** 20;

/** Passes an answer on to whoever asked, and keeps what may be kept of it beside. */
export class KeptAnswer implements Asker {
  readonly #options: KeptAnswerOptions;
  #file: AnswerFile | undefined;

  constructor(options: KeptAnswerOptions) {
    this.#options = options;
  }

  informed(status: number, headers: RawHeaders): void {
    this.#options.asker.informed(status, headers);
  }

  began(status: number, headers: RawHeaders): void {
    this.#options.asker.began(status, headers);
    this.#file = this.#options.begin(status, headers);
  }

  data(bytes: Buffer): void {
    this.#options.asker.data(bytes);
    this.#file?.write(bytes);
    if (this.#file !== undefined && (this.#file.bytes > this.#options.mostBytes || this.#file.heldBytes > HELD_BYTES)) this.#over(false);
  }

  ended(trailers: RawHeaders): void {
    this.#options.asker.ended(trailers);
    this.#over(trailers.length === 0);
  }

  switched(headers: RawHeaders, socket: Socket): void {
    this.#options.asker.switched(headers, socket);
  }

  settled(): void {
    this.#options.asker.settled();
  }

  failed(error: unknown): void {
    this.#over(false);
    this.#options.asker.failed(error);
  }

  #over(isWhole: boolean): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) this.#options.ended(file, isWhole);
  }
}
