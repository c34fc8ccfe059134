import { z } from 'zod';
import type { EventData, JournalEvent, Message, TestReport, ToolCall } from '../contracts/index.ts';
import { warnOfObserving } from './observing.ts';
import { sayLife } from './say-life.ts';
import { printable, type Terminal } from './terminal.ts';

/** Prints a run as it goes: a reading of the journal, so a resumed run and a watched one look the same. */
export class Progress {
  readonly #terminal: Terminal;
  #step = 0;
  /** Of the last copied answer. */
  #calls: readonly ToolCall[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Follows a run's stream until the signal fires. */
  async follow(events: AsyncIterable<JournalEvent>): Promise<void> {
    for await (const event of events) this.show(event);
  }

  show(event: JournalEvent): void {
    switch (event.type) {
      case 'session.opened':
        if (event.data.mode === 'observe') warnOfObserving(this.#terminal, event.data.policy);
        return;
      case 'sandbox.created':
        return this.#line('sandbox', `${event.data.kind} from ${shortImage(event.data.image)} for ${event.data.purpose} (limits ${event.data.limitsAre})`);
      case 'run.tested':
        return this.#tested(event.data.when, event.data.report, event.data.restored);
      case 'model.ended':
        return this.#answered(event.data.reply.text);
      case 'model.failed':
        return this.#line('model', `failed (${event.data.code}): ${event.data.message}`, 'red');
      case 'model.fell_back':
        return this.#line('model', `${event.data.from} cannot be had (${event.data.code}): ${event.data.to} is asked instead until ${new Date(event.data.untilMs).toISOString()}`, 'yellow');
      case 'session.frozen':
        return this.#line('frozen', `by ${event.data.by}${event.data.why === undefined ? '' : `: ${event.data.why}`}`, 'yellow');
      case 'session.thawed':
        return this.#line('thawed', 'it goes on', 'yellow');
      case 'run.escalated':
        return this.#line('help', describeEscalation(event.data), 'red');
      case 'tool.ended':
        return this.#tool(event.data.call.name, event.data.call.input, event.data.outcome);
      case 'decision':
        return this.#decided(event.data);
      case 'run.submitted':
        return this.#line('submit', event.data.summary, 'green');
      case 'run.forked':
        return this.#line('fork', `of ${event.data.parent.run} at step ${event.data.parent.step}: what follows was said there`, 'yellow');
      case 'run.imported':
        return this.#line('import', `${event.data.format} of ${event.data.agent}: what follows was said there`, 'yellow');
      case 'run.copied':
        return this.#copied(event.data.message);
      case 'run.resumed':
        return this.#line('resume', `after event ${event.data.fromSeq}`, 'yellow');
      default:
        return this.#life(event);
    }
  }

  #life(event: JournalEvent): void {
    const said = sayLife(event);
    if (said !== undefined) this.#line(...said, 'yellow');
  }

  #decided({ request, decision, allowed }: EventData['decision']): void {
    if (!allowed) this.#line('denied', `${request.action}: ${decision.reason.text}`, 'red');
    else if (decision.observed === true) this.#line('observed', `${request.action} would be ${decision.effect === 'ask' ? 'asked about' : 'denied'}: ${decision.reason.text}`, 'yellow');
  }

  #copied(message: Message): void {
    if (message.role === 'user') return;
    if (message.role === 'assistant') {
      this.#answered(message.reply.text);
      this.#calls = message.reply.calls;
      return;
    }
    for (const outcome of message.outcomes) this.#tool(outcome.tool, this.#calls.find(({ id }) => id === outcome.callId)?.input ?? {}, outcome);
  }

  #answered(text: string): void {
    this.#step += 1;
    this.#line(`step ${this.#step}`, text.trim() || '(no words)', 'bold');
  }

  #tool(name: string, input: unknown, outcome: { ok: boolean; text: string }): void {
    if (name === 'submit' && outcome.ok) return; // `run.submitted` says it
    this.#line(name, summarizeInput(input), 'cyan');
    const lines = printable(outcome.text).trimEnd().split('\n');
    const shown = lines.length > 14 ? [...lines.slice(0, 7), `… ${lines.length - 12} lines more …`, ...lines.slice(-5)] : lines;
    for (const line of shown) this.#terminal.note(`            ${line}`, outcome.ok ? 'dim' : 'yellow');
  }

  #tested(when: 'before' | 'after', report: TestReport, restored: readonly string[]): void {
    const where = when === 'before' ? 'as it came' : 'patched, in a fresh sandbox';
    this.#line('tests', `${report.passed ? 'green' : 'red'} ${where}: ${report.command} (${howEnded(report)})`, report.passed ? 'green' : 'red');
    if (restored.length > 0) this.#line('', `put back as they were before testing: ${restored.join(', ')}`, 'yellow');
  }

  #line(label: string, text: string, style?: 'bold' | 'cyan' | 'green' | 'red' | 'yellow'): void {
    this.#terminal.labelled(`${label.padEnd(10)}  `, text.replaceAll('\n', '\n            '), style);
  }
}

/** What a person needs who is to help. */
export function describeEscalation({ why, tried, seen, todo }: EventData['run.escalated']): string {
  const part = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : [title, ...lines.map((line) => `  - ${line}`)]);
  return [why, ...part('tried:', tried), ...part('seen:', seen), ...part('you can:', todo)].join('\n');
}

/** How a test command ended, in words. */
export function howEnded(report: TestReport): string {
  const { end } = report;
  if (end.cause === 'exited') return `exit ${end.exitCode}`;
  if (end.cause === 'signalled') return end.signal ?? 'signal';
  return end.cause;
}

function shortImage(image: string): string {
  return image.startsWith('sha256:') ? image.slice(0, 19) : image;
}

/** What a person wants to see of a tool's input: the command line or the file, and else all of it. */
const summary = z.union([
  z.object({ path: z.string(), command: z.string().default('') }).transform(({ command, path }) => `${command} ${path}`.trim()),
  z.object({ operation: z.object({ type: z.string(), path: z.string() }) }).transform(({ operation }) => `${operation.type} ${operation.path}`),
  z.object({ command: z.string() }).transform(({ command }) => command),
  z.object({ commands: z.array(z.string()) }).transform(({ commands }) => commands.join(' ; ')),
]);

export function summarizeInput(input: unknown): string {
  return summary.safeParse(input).data ?? JSON.stringify(input);
}
