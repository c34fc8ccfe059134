import { type Approval, type ApprovalAnswer, type ApprovalId, GloveboxError, parseId } from '../contracts/index.ts';
import { describeApproval, safely } from '../session/index.ts';
import type { Place } from './place.ts';
import type { Terminal } from './terminal.ts';

export interface AnswerOptions {
  readonly why?: string;
  readonly request?: string;
  readonly json?: boolean;
}

/** `glovebox approvals`: what waits for a person, or one approval in full. */
export async function listApprovals(place: Place, terminal: Terminal, id: string | undefined, options: { all?: boolean; json?: boolean }): Promise<number> {
  if (id !== undefined) {
    const approval = await place.approvals.get(approvalId(id), place.principal);
    if (options.json === true) await terminal.json(approval);
    else await terminal.data(`${describeApproval(approval)}\n  status    ${sayStatus(approval)}\n`);
    return 0;
  }
  const approvals = await place.approvals.list(place.principal, { all: options.all === true });
  if (options.json === true) await terminal.json({ approvals });
  else if (approvals.length === 0) terminal.note(options.all === true ? 'nobody was ever asked' : 'nothing waits for an answer');
  else for (const approval of approvals) await terminal.data(`${describeApproval(approval)}\n  status    ${sayStatus(approval)}\n\n`);
  return 0;
}

/** `glovebox approve` and `glovebox deny`: an answer to what is asked there now. */
export async function answerApproval(place: Place, terminal: Terminal, text: string, answer: ApprovalAnswer, options: AnswerOptions): Promise<number> {
  const id = approvalId(text);
  const { question } = await place.approvals.get(id, place.principal);
  const requestHash = options.request ?? question.requestHash;
  const approval = await place.approvals.answer(id, { by: place.principal, answer, requestHash, ...(options.why === undefined ? {} : { why: options.why }) });
  if (options.json === true) await terminal.json(approval);
  else terminal.note(`${describeApproval(approval)}\n  status    ${sayStatus(approval)}`);
  return 0;
}

function sayStatus({ status, answer, question }: Approval): string {
  if (answer === undefined) return status === 'pending' ? `pending until ${new Date(question.expiresAtMs).toISOString()}` : status;
  const why = answer.why === undefined ? '' : `: ${safely(answer.why)}`;
  return `${status}: ${answer.answer}, by ${safely(answer.by)} at ${new Date(answer.timeMs).toISOString()}${why}`;
}

function approvalId(text: string): ApprovalId {
  const id = parseId('apr', text);
  if (id === undefined) throw new GloveboxError('usage', `"${text}" is not the id of an approval; \`glovebox approvals\` shows them`);
  return id;
}
