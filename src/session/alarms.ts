import { type Anomaly, GloveboxError, type JournalEvent, type Policy } from '../contracts/index.ts';
import type { Gate } from './gate.ts';

/** So many denials in such a time are no mistake of an honest program: it tries what it may. */
const DENIALS = 20;
const DENIALS_WITHIN_MS = 60_000;
/** One tool that fails so often in a row will not do better the next time. */
const FAILURES = 5;

interface AlarmsOptions {
  /** Everything that is written through it is seen. */
  readonly gate: Pick<Gate, 'write' | 'onWritten'>;
  readonly policy: Policy;
  /** Ends the session. */
  readonly stop: (why: string, reason: GloveboxError) => void;
  /** Hears of what could not be written down. */
  readonly unwritten: (error: unknown) => void;
}

/** What of a session somebody should look at: written down, and then acted upon as policy says. */
export class Alarms {
  readonly #options: AlarmsOptions;
  /** However often an output is read. */
  readonly #told = new Set<string>();
  /** When the last ones were; none of a burst that was told. */
  #denialsMs: number[] = [];
  #failing: { readonly tool: string; readonly times: number } | undefined;

  constructor(options: AlarmsOptions) {
    this.#options = options;
    options.gate.onWritten = (events) => this.#see(events);
  }

  canaryIn(canary: string, where: 'output' | 'patch', more: Readonly<Record<string, string>> = {}): void {
    this.#once({ kind: 'canary', text: `a canary (${canary}) is in ${where === 'output' ? 'the output of a command' : 'a patch'}`, evidence: { canary, where, ...more } });
  }

  secretIn(credential: string, more: Readonly<Record<string, string>>): void {
    this.#once({ kind: 'secret', text: `the value of a credential (${credential}) is in files that were to be kept`, evidence: { credential, ...more } });
  }

  /** It is written down already. */
  raised({ kind, text }: Anomaly): void {
    const { policy, stop } = this.#options;
    if (kind !== 'canary' || policy.grant.canaries?.found !== 'stop') return;
    stop(text, new GloveboxError('denied', `the session was ended: ${text} (on_canary of ${policy.name})`, { details: { rule: 'on_canary' } }));
  }

  #see(events: readonly JournalEvent[]): void {
    for (const event of events) {
      if (event.type === 'decision' && !event.data.allowed) this.#denied(event.timeMs);
      if (event.type === 'tool.ended') this.#toolEnded(event.data.outcome);
    }
  }

  #denied(timeMs: number): void {
    this.#denialsMs = [...this.#denialsMs, timeMs].filter((before) => timeMs - before < DENIALS_WITHIN_MS);
    if (this.#denialsMs.length < DENIALS) return;
    this.#denialsMs = [];
    void this.#raise({ kind: 'denials', text: `${DENIALS} requests were denied within ${DENIALS_WITHIN_MS / 1_000} s`, evidence: { count: DENIALS, withinMs: DENIALS_WITHIN_MS } });
  }

  #toolEnded({ tool, ok }: { readonly tool: string; readonly ok: boolean }): void {
    const times = ok ? 0 : this.#failing?.tool === tool ? this.#failing.times + 1 : 1;
    this.#failing = { tool, times };
    if (times === FAILURES) void this.#raise({ kind: 'failures', text: `the tool ${tool} failed ${FAILURES} times in a row`, evidence: { tool, count: FAILURES } });
  }

  #once(anomaly: Anomaly): void {
    const key = JSON.stringify(anomaly.evidence);
    if (this.#told.has(key)) return;
    this.#told.add(key);
    void this.#raise(anomaly);
  }

  async #raise(anomaly: Anomaly): Promise<void> {
    const { gate, unwritten } = this.#options;
    try {
      await gate.write([{ type: 'anomaly.raised', data: anomaly }]);
    } catch (error) {
      unwritten(error);
      return;
    }
    this.raised(anomaly);
  }
}
