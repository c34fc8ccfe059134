import {
  type Approval,
  type ApprovalAnswer,
  type ApprovalGrant,
  type ApprovalId,
  type ApprovalQuestion,
  type Approvals,
  type AskedRequest,
  canonicalJson,
  type Clock,
  type Decision,
  derivedId,
  describeError,
  GloveboxError,
  type IdSource,
  type Journal,
  parseId,
  type Principal,
  requestHash,
} from '../../contracts/index.ts';
import { raceSignals } from '../race-signals.ts';
import { foldApproval, refusalOf } from './approval-state.ts';
import type { Attendance } from './approver.ts';
import { OpenQuestions } from './open-questions.ts';

/** What came of asking. */
export interface Asked {
  readonly allowed: boolean;
  /** Who answered; nobody did without. */
  readonly by?: string;
  readonly approval?: ApprovalId;
  readonly answer?: ApprovalAnswer;
  /** Why it is a no. */
  readonly note?: string;
}

export interface AskingPorts extends Attendance {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Without it nobody can be asked. */
  readonly approvals?: Approvals;
}

/** Whose questions these are. */
export interface Asker {
  readonly session: string;
  readonly stream: string;
  readonly principal: Principal;
  readonly policy: string;
  readonly policyHash: string;
  readonly grant: ApprovalGrant | undefined;
}

type Question = Pick<Approval, 'id' | 'question'>;

interface HowToAsk {
  readonly key: string;
  readonly approvals: Approvals;
  /** Nobody but whoever sits at the terminal is waited for. */
  readonly isHereOnly: boolean;
  readonly signal: AbortSignal;
}

/** Of one session. */
const MAX_QUESTIONS = 100;

/** Where a policy says nothing of approvals, whoever sits at the terminal may say yes to what he does himself. */
const AT_THE_TERMINAL: ApprovalGrant = { by: ['approver'], expiresMs: 24 * 60 * 60_000, own: true };

/**
 * Asks people, and remembers what they said for this session. Each question is a stream of the journal; whoever answers it there, at this terminal or
 * in another process, lets the one go on that waits here. docs/approvals.md
 */
export class Asking {
  readonly #ports: AskingPorts;
  readonly #asker: Asker;
  /** Those that hold for the session: a yes by what it is bound to, a no by its request. */
  readonly #remembered = new Map<string, Approval>();
  readonly #underWay = new Map<string, Promise<unknown>>();
  #questions = 0;
  /** Of earlier sessions of the run. */
  #earlierQuestions = 0;
  /** What earlier sessions of the run were waiting for; taken out when it is asked again. */
  #left: Promise<Approval[]> | undefined;

  constructor(ports: AskingPorts, asker: Asker) {
    this.#ports = ports;
    this.#asker = asker;
  }

  /** Rejects when the signal fires. `tree` where the request is about a workspace. */
  async ask(request: AskedRequest, decision: Pick<Decision, 'reason'>, { tree, signal }: { tree: string | undefined; signal: AbortSignal }): Promise<Asked> {
    const { approvals } = this.#ports;
    const { grant, isHereOnly } = this.#grant(request.action);
    if (approvals === undefined || grant === undefined) return { allowed: false, note: 'nobody can be asked here' };
    const { stream, policyHash } = this.#asker;
    const binding = { requestHash: requestHash(request), policyHash, stream, ...(tree === undefined ? {} : { tree }) };
    const key = canonicalJson(binding);
    this.#left ??= this.#awaited();
    await this.#left;
    // The same question twice at once: the second waits for what the first one came to, and is asked only if that was a yes for one time.
    for (let first = this.#underWay.get(key); first !== undefined; first = this.#underWay.get(key)) await raceSignals(first, signal);
    // A no stays one whatever becomes of the files.
    const known = this.#remembered.get(binding.requestHash) ?? this.#remembered.get(key);
    if (known !== undefined) return await this.#take(known);
    const asking = this.#askAnew({ ...binding, ...this.#rest(request, decision, grant) }, { key, approvals, isHereOnly, signal });
    const settled = asking.then(nothing, nothing);
    this.#underWay.set(key, settled);
    try {
      return await asking;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #askAnew(question: ApprovalQuestion, how: HowToAsk): Promise<Asked> {
    const left = await this.#leftOver(question);
    if (left?.status === 'used') return await this.#take(left);
    const asked = left ?? (await this.#request(question));
    if (asked === undefined) return { allowed: false, note: `it has asked ${MAX_QUESTIONS} times in this session, and nobody is asked any more` };
    const { id } = asked;
    this.#ports.onWaiting?.(asked);
    const answered = await this.#answered(asked, how);
    if (answered === undefined) return { allowed: false, approval: id, note: 'nobody answered in time' };
    this.#remember(answered);
    return await this.#take(answered);
  }

  /** Who is asked, and whether that is only somebody who sits here and may answer. */
  #grant(action: AskedRequest['action']): { readonly grant: ApprovalGrant | undefined; readonly isHereOnly: boolean } {
    const { grant = AT_THE_TERMINAL, principal } = this.#asker;
    const isHereOnly = this.#asker.grant === undefined || (action !== 'effect.repeat' && grant.for?.includes(action) === false);
    if (!isHereOnly) return { grant, isHereOnly };
    const { approver } = this.#ports;
    const mayAnswer = approver !== undefined && refusalOf({ ...grant, tenant: principal.tenant, askedBy: principal.name }, approver.principal) === undefined;
    return { grant: mayAnswer ? grant : undefined, isHereOnly };
  }

  #rest(request: AskedRequest, { reason }: Pick<Decision, 'reason'>, { by, own, expiresMs }: ApprovalGrant): Omit<ApprovalQuestion, 'requestHash' | 'policyHash' | 'stream'> {
    const { session, principal, policy } = this.#asker;
    return { session, tenant: principal.tenant, askedBy: principal.name, request, reason, policy, by, own, expiresAtMs: this.#ports.clock.now() + expiresMs };
  }

  /** Undefined where it has asked too often: people who are asked all the time say yes. */
  async #request(question: ApprovalQuestion): Promise<Question | undefined> {
    if (++this.#questions > MAX_QUESTIONS) return undefined;
    const { id, isNew } = await this.#idOf(question);
    const { journal } = this.#ports;
    if (isNew) await journal.append(id, [{ type: 'approval.requested', data: question }], { tenant: question.tenant });
    await journal.append(this.#asker.stream, [{ type: 'approval.awaited', data: { approval: id } }], { durable: true });
    return { id, question };
  }

  /** Whoever died between the two appends of a question asks it under the same id again. */
  async #idOf(question: ApprovalQuestion): Promise<{ readonly id: ApprovalId; readonly isNew: boolean }> {
    const { journal, ids, clock } = this.#ports;
    const ordinal = this.#earlierQuestions + this.#questions;
    const id = derivedId('apr', this.#asker.stream, String(ordinal), question.requestHash, question.tree ?? '', question.policyHash);
    const asked = foldApproval(id, await journal.read(id), clock.now());
    if (asked === undefined) return { id, isNew: true };
    return isOpen(asked) ? { id, isNew: false } : { id: ids.next('apr'), isNew: true };
  }

  /** What an earlier session of the same run was waiting for when it was interrupted: the answer to that is an answer to this, if nothing is altered. */
  async #leftOver(question: ApprovalQuestion): Promise<Approval | undefined> {
    const left = (await this.#left) ?? [];
    const asked = left.filter((one) => one.question.requestHash === question.requestHash);
    for (const one of asked) left.splice(left.indexOf(one), 1);
    const same = asked.find((one) => isOpen(one) && isBoundAlike(one.question, question));
    // Nobody waits for the others any more.
    for (const one of asked) if (one !== same && one.status === 'pending') await this.#ports.journal.append(one.id, [{ type: 'approval.closed', data: { why: 'it is asked again: something has changed' } }]);
    return same;
  }

  async #awaited(): Promise<Approval[]> {
    const { journal, clock } = this.#ports;
    const waiting = new OpenQuestions({ hasCalls: this.#asker.stream !== this.#asker.session });
    for (const event of await journal.read(this.#asker.stream)) waiting.apply(event);
    this.#earlierQuestions = waiting.asked.length;
    const left: Approval[] = [];
    for (const text of waiting.asked) {
      const id = parseId('apr', text);
      const approval = id === undefined ? undefined : foldApproval(id, await journal.read(id), clock.now());
      if (approval === undefined) continue;
      this.#remember(approval);
      if (waiting.isOpen(text)) left.push(approval);
    }
    return left;
  }

  /** A yes for the session holds for all sessions of a run, a no as well. */
  #remember(approval: Approval): void {
    const { answer } = approval.answer ?? {};
    const { requestHash: asked, policyHash, stream, tree } = approval.question;
    if (answer === 'session') this.#remembered.set(canonicalJson({ requestHash: asked, policyHash, stream, ...(tree === undefined ? {} : { tree }) }), approval);
    if (answer === 'never') this.#remembered.set(asked, approval);
  }

  /** Waits until it is answered, here or anywhere; undefined where that takes too long. */
  async #answered({ id, question }: Question, { approvals, isHereOnly, signal }: HowToAsk): Promise<Approval | undefined> {
    const { journal, clock } = this.#ports;
    const over = new AbortController();
    const deadline = setTimeout(() => over.abort(), Math.max(0, question.expiresAtMs - clock.now()));
    const until = AbortSignal.any([signal, over.signal]);
    const atHand = this.#askAtHand(id, approvals, until).then((counts) => {
      if (isHereOnly && !counts) over.abort();
    });
    try {
      const events = [];
      for await (const event of journal.follow(id, { signal: until })) {
        events.push(event);
        const approval = foldApproval(id, events, clock.now());
        if (approval !== undefined && !isBoundAlike(approval.question, question)) throw new GloveboxError('journal_tampered', `${id} is not what was asked: it was altered`, { details: { stream: id } });
        if (approval?.status === 'answered') return approval;
      }
      await this.#close(id, signal);
      signal.throwIfAborted();
      return undefined;
    } finally {
      clearTimeout(deadline);
      over.abort();
      await atHand;
    }
  }

  /** A session that nobody goes on with takes its question back; that of a run may be answered until somebody goes on with the run. */
  async #close(id: ApprovalId, signal: AbortSignal): Promise<void> {
    const isKept = signal.aborted && this.#asker.stream !== this.#asker.session;
    if (!isKept) await this.#ports.journal.append(id, [{ type: 'approval.closed', data: { why: signal.aborted ? describeError(signal.reason) : 'nobody answered in time' } }]);
  }

  /** Whether somebody here has answered so that it counts. Never rejects: where nobody has, it is left to others. */
  async #askAtHand(id: ApprovalId, approvals: Approvals, signal: AbortSignal): Promise<boolean> {
    const { approver } = this.#ports;
    if (approver === undefined) return false;
    try {
      const approval = await approvals.get(id, approver.principal);
      const wrong = refusalOf(approval.question, approver.principal);
      if (wrong !== undefined) {
        approver.refused(id, wrong.text);
        return false;
      }
      const said = await approver.ask(approval, signal);
      if (said === undefined || signal.aborted) return false;
      await approvals.answer(id, { ...said, by: approver.principal, requestHash: approval.question.requestHash });
      return true;
    } catch (error) {
      if (!signal.aborted) approver.refused(id, describeError(error));
      return false;
    }
  }

  /** Lets one request through by it. A yes for one time is used up by that, whoever else tries. */
  async #take({ id, answer, status }: Approval): Promise<Asked> {
    const { journal, clock } = this.#ports;
    const said = { approval: id, ...(answer === undefined ? {} : { by: answer.by, answer: answer.answer }) };
    if (answer?.answer === 'happened') return { ...said, allowed: false };
    if (answer === undefined || answer.answer === 'never') return { ...said, allowed: false, note: `${answer?.by} said no${answer?.why === undefined ? '' : `: ${answer.why}`}` };
    // By a go that ended before anything was let through by it.
    if (status === 'used' && answer.answer === 'once') return { ...said, allowed: true };
    const [used] = await journal.append(id, [{ type: 'approval.used', data: { session: this.#asker.session } }], { durable: true });
    if (answer.answer === 'session') return { ...said, allowed: true };
    const now = foldApproval(id, await journal.read(id), clock.now());
    return now?.usedSeq === used?.seq ? { ...said, allowed: true } : { ...said, allowed: false, note: `${id} was used already` };
  }
}

/** An answer to it would still count, or has let nothing through. */
function isOpen({ status }: Approval): boolean {
  return status === 'pending' || status === 'answered' || status === 'used';
}

function isBoundAlike(one: ApprovalQuestion, other: ApprovalQuestion): boolean {
  const same = one.requestHash === other.requestHash && one.tree === other.tree && one.policyHash === other.policyHash && one.stream === other.stream;
  return same && requestHash(one.request) === one.requestHash && one.tenant === other.tenant && one.askedBy === other.askedBy;
}

function nothing(): void {}
