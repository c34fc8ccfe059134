import {
  type Approval,
  type ApprovalId,
  type Approvals,
  type Authority,
  type Clock,
  type GivenAnswer,
  GloveboxError,
  type Journal,
  parseId,
  type Principal,
  type StreamsOptions,
} from '../../contracts/index.ts';
import { foldApproval, type Refusal, refusalNow } from './approval-state.ts';

/** How many approvals are looked through for those that are pending. */
const NEWEST = 1000;
/** What a person may say of his answer; it is journalled. */
const WHY_CHARS = 1000;

/** Approvals as streams of the journal, one each: whichever process answers, the one that waits reads it there. */
export class JournalApprovals implements Approvals {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #authority: Authority;
  readonly #onAnswered: (approval: Approval) => Promise<void>;

  /** `onAnswered` may wake whoever has left off waiting. */
  constructor({ journal, clock, authority, onAnswered = () => Promise.resolve() }: { journal: Journal; clock: Clock; authority: Authority; onAnswered?: (approval: Approval) => Promise<void> }) {
    this.#journal = journal;
    this.#clock = clock;
    this.#authority = authority;
    this.#onAnswered = onAnswered;
  }

  async list(as: Principal, { all = false, limit = NEWEST, before }: { all?: boolean } & Pick<StreamsOptions, 'limit' | 'before'> = {}): Promise<readonly Approval[]> {
    this.#mayRead(as);
    const found: Approval[] = [];
    for (const { stream } of await this.#journal.streams({ tenant: as.tenant, prefix: 'apr_', limit: NEWEST, ...(before === undefined ? {} : { before }) })) {
      const id = parseId('apr', stream);
      const approval = id === undefined ? undefined : await this.#read(id);
      if (approval === undefined || approval.question.tenant !== as.tenant || !(all || approval.status === 'pending')) continue;
      found.push(approval);
      if (found.length === limit) break;
    }
    return found;
  }

  async get(id: ApprovalId, as: Principal): Promise<Approval> {
    this.#mayRead(as);
    const approval = await this.#read(id);
    if (approval !== undefined && approval.question.tenant === as.tenant) return approval;
    throw new GloveboxError('not_found', `there is no approval ${id}; \`glovebox approvals\` shows those that are`);
  }

  async answer(id: ApprovalId, given: GivenAnswer): Promise<Approval> {
    const { by, answer, why } = given;
    if (why !== undefined && why.length > WHY_CHARS) throw new GloveboxError('usage', `the reason has ${why.length} characters: ${WHY_CHARS} are enough`);
    const approval = await this.get(id, by);
    const unfit = approval.question.request.action === 'effect.repeat' ? 'session' : 'happened';
    if (answer === unfit) throw new GloveboxError('usage', `${id} cannot be answered so: ${UNFIT[unfit]}`);
    const refused = this.#refusal(approval, given);
    if (refused !== undefined) throw await this.#refused(id, given, refused);
    const data = { answer, by: by.name, tenant: by.tenant, roles: by.roles, ...(why === undefined ? {} : { why }) };
    const [written] = await this.#journal.append(id, [{ type: 'approval.answered', data }], { durable: true });
    // Another process may have answered, or given up waiting, in between: the first one counts.
    const now = await this.#read(id);
    if (now?.answeredSeq === written?.seq && now !== undefined) {
      await this.#onAnswered(now);
      return now;
    }
    throw await this.#refused(id, given, now === undefined ? TOO_LATE : (this.#refusal(now, given) ?? TOO_LATE));
  }

  #refusal(approval: Approval, { by, requestHash }: GivenAnswer): Refusal | undefined {
    if (!this.#authority.may(by, 'approve', approval.question.tenant)) return { reason: 'role', text: `no role of ${by.name} lets him approve anything` };
    return refusalNow(approval, by, requestHash);
  }

  async #refused(id: ApprovalId, { by, answer }: GivenAnswer, { reason, text }: Refusal): Promise<GloveboxError> {
    await this.#journal.append(id, [{ type: 'approval.refused', data: { answer, by: by.name, reason, text } }], { durable: true });
    return new GloveboxError('approval_refused', `${id}: ${text}`, { details: { approval: id, reason } });
  }

  async #read(id: ApprovalId): Promise<ReturnType<typeof foldApproval>> {
    return foldApproval(id, await this.#journal.read(id), this.#clock.now());
  }

  #mayRead(as: Principal): void {
    if (!this.#authority.may(as, 'read', as.tenant)) throw new GloveboxError('denied', `no role of ${as.name} lets him read approvals`);
  }
}

const UNFIT = {
  session: 'an effect of which nobody knows whether it was done is done again once, has happened, or is given up',
  happened: 'only an effect of which nobody knew whether it was done can have happened',
} as const;

const TOO_LATE: Refusal = { reason: 'over', text: 'whoever asked is gone' };
