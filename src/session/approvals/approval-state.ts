import {
  type Approval,
  type ApprovalId,
  type ApprovalQuestion,
  type ApprovalRefusal,
  type JournalEvent,
  type Principal,
  requestHash,
} from '../../contracts/index.ts';

/** An answer that does not count, and why. */
export interface Refusal {
  readonly reason: ApprovalRefusal;
  readonly text: string;
}

/** What an approval's stream says at a time; undefined where it holds none. An answer that should not have been written counts for nothing. */
export function foldApproval(id: ApprovalId, events: readonly JournalEvent[], nowMs: number): (Approval & { readonly answeredSeq?: number; readonly usedSeq?: number }) | undefined {
  const [first, ...rest] = events;
  if (first?.type !== 'approval.requested') return undefined;
  const question = first.data;
  let answered: Extract<JournalEvent, { type: 'approval.answered' }> | undefined;
  let usedSeq: number | undefined;
  let closed = false;
  for (const event of rest) {
    if (event.type === 'approval.closed') closed = true;
    if (event.type === 'approval.used') usedSeq ??= event.seq;
    if (event.type !== 'approval.answered' || answered !== undefined || closed || event.timeMs >= question.expiresAtMs) continue;
    if (refusalOf(question, { ...event.data, name: event.data.by }) === undefined) answered = event;
  }
  const known = { id, question, askedAtMs: first.timeMs };
  if (answered === undefined) return { ...known, status: closed ? 'over' : nowMs >= question.expiresAtMs ? 'expired' : 'pending' };
  const { answer, by, why } = answered.data;
  const given = { answer, by, timeMs: answered.timeMs, ...(why === undefined ? {} : { why }) };
  const isStale = answer === 'once' && usedSeq === undefined && nowMs >= question.expiresAtMs;
  return { ...known, status: isStale ? 'expired' : usedSeq === undefined ? 'answered' : 'used', answer: given, answeredSeq: answered.seq, ...(usedSeq === undefined ? {} : { usedSeq }) };
}

/** Why this person's answer would not count, whatever it is. */
export function refusalOf({ by, own, askedBy, tenant }: Pick<ApprovalQuestion, 'by' | 'own' | 'askedBy' | 'tenant'>, person: Principal): Refusal | undefined {
  // A foreign tenant never gets as far as this: its approvals are not found.
  if (person.tenant !== tenant || !person.roles.some((role) => by.includes(role))) {
    return { reason: 'role', text: `only ${by.join(' or ')} may answer this, and ${person.name} is ${person.roles.join(', ') || 'neither'}` };
  }
  if (!own && person.name === askedBy) return { reason: 'own', text: `${person.name} asked for it, and the policy lets nobody answer what he asked for himself (approvals.own)` };
  return undefined;
}

/** Why this answer does not count: given by the wrong person, to another request than he was shown, or too late. */
export function refusalNow({ question, status, answer }: Approval, person: Principal, shownHash: string): Refusal | undefined {
  const wrong = refusalOf(question, person);
  if (wrong !== undefined) return wrong;
  if (shownHash !== question.requestHash || requestHash(question.request) !== question.requestHash) {
    return { reason: 'altered', text: 'the request is not the one that was shown: look at it again' };
  }
  switch (status) {
    case 'pending':
      return undefined;
    case 'expired':
      return { reason: 'expired', text: `it expired at ${new Date(question.expiresAtMs).toISOString()}` };
    case 'over':
      return { reason: 'over', text: 'whoever asked is gone' };
    default:
      return { reason: 'answered', text: `${answer?.by} has answered already: ${answer?.answer}` };
  }
}
