import { type Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS, type LogLevel, type TelemetryOptions } from '../contracts/index.ts';
import type { Terminal } from './terminal.ts';

export interface WatchOptions {
  readonly logLevel: LogLevel;
  readonly logFormat?: 'text' | 'json';
  readonly metrics?: { readonly host: string; readonly port: number };
}

/** How a process that serves is watched. */
export function watchOptions(command: Command): Command {
  return command
    .addOption(new Option('--log-level <level>', 'the least that is logged').choices([...LOG_LEVELS]).default('info').env('GLOVEBOX_LOG_LEVEL'))
    .addOption(new Option('--log-format <format>', 'lines on stderr (default: text on a terminal, else json)').choices(['text', 'json']).env('GLOVEBOX_LOG_FORMAT'))
    .addOption(new Option('--metrics <[host:]port>', 'figures for Prometheus at http://host:port/metrics, without a key (host: 127.0.0.1)').argParser(addressOption).env('GLOVEBOX_METRICS'));
}

export function telemetryAt(terminal: Terminal, { logLevel, logFormat, metrics }: WatchOptions): TelemetryOptions {
  const isJson = (logFormat ?? (terminal.stderr.isTTY ? 'text' : 'json')) === 'json';
  return {
    level: logLevel,
    plain: (text, level) => terminal.note(text, STYLES[level]),
    ...(isJson ? { json: (line: string) => void terminal.stderr.write(line) } : {}),
    ...(metrics === undefined ? {} : { metricsAt: metrics }),
  };
}

const STYLES = { debug: 'dim', info: 'reset', warn: 'yellow', error: 'red' } as const satisfies Record<LogLevel, string>;

/** `9464`, `0.0.0.0:9464`, `[::]:9464`. */
function addressOption(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]:|([\w.-]+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw new InvalidArgumentError('Expected a port such as 9464, or host:port such as 0.0.0.0:9464.');
  return { host: bracketed ?? plain ?? '127.0.0.1', port };
}
