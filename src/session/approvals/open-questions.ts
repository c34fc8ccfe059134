import type { Action, EventData, JournalEvent } from '../../contracts/index.ts';

/** What a decision on these lets through is part of a call, which is made again from its beginning where its outcome was not written. */
const WITH_ITS_CALL: ReadonlySet<Action> = new Set(['tool.call', 'file.read', 'file.write', 'file.delete', 'file.list']);
/** These let through no more than what a run is about: it goes on with them. */
const WITH_ITS_RUN: ReadonlySet<Action> = new Set(['session.open', 'export.patch']);

/** Of the questions of a stream, those whose answer has let nothing through that stays: whoever goes on after a crash need not ask them again. */
export class OpenQuestions {
  readonly asked: string[] = [];
  readonly #open = new Set<string>();
  readonly #ofCall = new Set<string>();
  readonly #hasCalls: boolean;

  /** Without calls, each thing that was let through stands by itself: nobody makes it again. */
  constructor({ hasCalls }: { readonly hasCalls: boolean }) {
    this.#hasCalls = hasCalls;
  }

  isOpen(approval: string): boolean {
    return this.#open.has(approval);
  }

  apply(event: JournalEvent): void {
    if (event.type === 'approval.awaited') {
      this.asked.push(event.data.approval);
      this.#open.add(event.data.approval);
    } else if (event.type === 'decision' && event.data.approval !== undefined) this.#decided(event.data.approval, event.data);
    else if ((event.type === 'effect.started' || event.type === 'effect.ended') && event.data.approval !== undefined) this.#open.delete(event.data.approval);
    else if (event.type === 'tool.ended') this.#settled();
  }

  #decided(approval: string, { request, allowed }: EventData['decision']): void {
    // A no has let nothing through, whatever it was about.
    if (allowed && !this.#hasCalls) this.#open.delete(approval);
    else if (!allowed || WITH_ITS_CALL.has(request.action)) this.#ofCall.add(approval);
    else if (!WITH_ITS_RUN.has(request.action)) this.#open.delete(approval);
  }

  #settled(): void {
    for (const approval of this.#ofCall) this.#open.delete(approval);
    this.#ofCall.clear();
  }
}
