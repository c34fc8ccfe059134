import { spawnSync } from 'node:child_process';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** The process's streams, as commands see them. */
export class Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;

  constructor(streams: { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream }) {
    this.stdin = streams.stdin;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
  }

  /** Data: the only thing that goes to stdout. Resolves when the reader took it. */
  data(bytes: string | Uint8Array): Promise<void> {
    return write(this.stdout, bytes);
  }

  json(value: unknown): Promise<void> {
    return this.data(`${JSON.stringify(value)}\n`);
  }

  /** Progress, for people: stderr, a line. Control characters of what a sandbox wrote are taken out. */
  note(text: string, style?: Style): void {
    this.stderr.write(`${this.style(printable(text), style)}\n`);
  }

  /** The same with a label before it, which alone has the style. */
  labelled(label: string, text: string, style?: Style): void {
    this.stderr.write(`${this.style(label, style)}${printable(text)}\n`);
  }

  style(text: string, style?: Style): string {
    return style === undefined ? text : styleText(style, text, { stream: this.stderr, validateStream: true });
  }

  /** Whether both ends are one that can be lent to a program. */
  get isTerminal(): boolean {
    return this.stdin.isTTY && this.stdout.isTTY;
  }

  /** In characters. */
  get size(): { columns: number; rows: number } {
    return { columns: this.stdout.columns, rows: this.stdout.rows };
  }

  /** TERM; undefined where it is not set. */
  get type(): string | undefined {
    return process.env['TERM'];
  }

  /** Passes every key and every byte as it is, until it is disposed of. */
  lend(): Disposable {
    this.stdin.setRawMode(true);
    // Node's raw mode still makes \r\n of \n on the way out: whoever moves down a line would be moved to its start as well.
    spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
    // A descriptor that is closed has no mode; node puts back what it found when the process ends.
    return { [Symbol.dispose]: () => void (this.stdin.destroyed || this.stdin.setRawMode(false)) };
  }

  /** Whether a person can be asked a question here. */
  get interactive(): boolean {
    return this.stdin.isTTY && this.stderr.isTTY;
  }
}

/** Text that cannot steer a terminal: escape sequences and control characters but tab and newline are removed. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}

function write(stream: NodeJS.WriteStream, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error == null || isClosedPipe(error) ? resolve() : reject(error)));
  });
}

/** Whoever read our output has gone (`| head`): not an error of ours. */
function isClosedPipe(error: Error & { code?: string }): boolean {
  return error.code === 'EPIPE';
}
