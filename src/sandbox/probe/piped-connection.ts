import { Duplex } from 'node:stream';
import { describeError, type RunningCommand } from '../../contracts/index.ts';

/** A connection that a program in a place opened, in our hands: the probe's `pipe` is the program. It errors where the program could not connect, with what it said. */
export class PipedConnection extends Duplex {
  readonly #command: RunningCommand;

  constructor(command: RunningCommand) {
    super({ allowHalfOpen: true });
    this.#command = command;
    void this.#receive();
  }

  override _read(): void {
    // Everything is pushed as it comes: what is asked for here is small.
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Whoever is gone reads no more: that shows at the other end.
    const written = (): void => done();
    this.#command.write(bytes).then(written, written);
  }

  override _final(done: (error?: Error | null) => void): void {
    const closed = (): void => done();
    this.#command.closeStdin().then(closed, closed);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#command.cancel(0);
    done(error);
  }

  async #receive(): Promise<void> {
    let said = '';
    try {
      for await (const { channel, bytes } of this.#command.output) {
        // The bytes are ours for the moment only.
        if (channel === 'stdout') this.push(Buffer.from(bytes));
        else said += bytes.toString('utf8');
      }
      const { exitCode } = await this.#command.end;
      if (exitCode === 0) this.push(null);
      else this.destroy(new Error(said.trim() === '' ? 'it was cut off' : said.trim()));
    } catch (error) {
      this.destroy(new Error(describeError(error)));
    }
  }
}
