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

  style(text: string, style?: Style): string {
    return style === undefined ? text : styleText(style, text, { stream: this.stderr, validateStream: true });
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
