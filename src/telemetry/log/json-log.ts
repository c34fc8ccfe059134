import pino, { type Logger } from 'pino';
import type { Log, LogFields, LogLevel, Redactor } from '../../contracts/index.ts';
import type { Correlation } from './correlation.ts';

export interface JsonLogOptions {
  readonly level: LogLevel;
  readonly redactor: Redactor;
  readonly correlation: Correlation;
  /** Takes a line, a JSON object and a newline. */
  readonly write: (line: string) => void;
}

/** Lines of JSON by pino: what was said stays in its string, whatever is in it, and no secret does. */
export class JsonLog implements Log {
  readonly #options: JsonLogOptions;
  readonly #pino: Logger;
  readonly #fields: LogFields;

  private constructor(options: JsonLogOptions, logger: Logger, fields: LogFields) {
    this.#options = options;
    this.#pino = logger;
    this.#fields = fields;
  }

  static open(options: JsonLogOptions): JsonLog {
    const format = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } };
    return new JsonLog(options, pino(format, { write: options.write }), {});
  }

  write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    const line = { fields: { ...this.#options.correlation.now, ...this.#fields, ...fields }, message };
    const clean = this.#options.redactor.all(line);
    if (clean instanceof Promise) void clean.then((late) => this.#pino[level](late.fields, late.message));
    else this.#pino[level](clean.fields, clean.message);
  }

  with(fields: LogFields): Log {
    return new JsonLog(this.#options, this.#pino, { ...this.#fields, ...fields });
  }
}
