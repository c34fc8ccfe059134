import type { CallToolResult, InputRequiredResult, ServerContext } from '@modelcontextprotocol/server';
import type { Approval, ApprovalAnswer, ApprovalId, Principal } from '../../contracts/index.ts';
import type { Approver, Attendance } from '../../session/index.ts';
import { Call } from './call.ts';

/** The calls that a client has under way: its person is asked in one of them what policy asks. */
export class Calls implements Approver {
  readonly principal: Principal;
  readonly #underWay = new Map<string, Call>();

  constructor(principal: Principal) {
    this.principal = principal;
  }

  get attendance(): Attendance {
    return { approver: this, onWaiting: ({ id }) => this.#tellAll(`waits for a person: glovebox approve ${id}`) };
  }

  get isEmpty(): boolean {
    return this.#underWay.size === 0;
  }

  /** Begins a call, or goes on with one that its client has an answer to. */
  async exchange(context: ServerContext, mayAsk: boolean, act: (call: Call) => Promise<CallToolResult>): Promise<CallToolResult | InputRequiredResult> {
    const state = context.mcpReq.requestState<string>();
    const call = state === undefined ? this.#begin(act) : this.#underWay.get(state);
    if (call === undefined) return { content: [{ type: 'text', text: 'cancelled: that call is over; begin it anew' }], isError: true };
    let result: CallToolResult | InputRequiredResult | undefined;
    try {
      result = await call.exchange(context, mayAsk);
      return result;
    } finally {
      if (result?.resultType !== 'input_required') this.#underWay.delete(call.id);
    }
  }

  ask(approval: Approval, signal: AbortSignal): Promise<{ readonly answer: ApprovalAnswer } | undefined> {
    const call = [...this.#underWay.values()].find(({ canAsk }) => canAsk);
    return call === undefined ? Promise.resolve(undefined) : call.ask(approval, signal);
  }

  refused(id: ApprovalId, why: string): void {
    this.#tellAll(`${id}: ${why}`);
  }

  #begin(act: (call: Call) => Promise<CallToolResult>): Call {
    const call = new Call(act);
    this.#underWay.set(call.id, call);
    // One whose client does not come back is not kept for him.
    call.signal.addEventListener('abort', () => this.#underWay.delete(call.id), { once: true });
    return call;
  }

  #tellAll(text: string): void {
    for (const call of this.#underWay.values()) call.tell(text);
  }
}
