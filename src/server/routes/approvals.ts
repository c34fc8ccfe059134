import { z } from 'zod';
import { type Approval, GloveboxError, parseId } from '../../contracts/index.ts';
import { untilWritten } from '../long-poll.ts';
import { newestFirst, onePageMore } from '../pages.ts';
import { flag, pageOf, pageQuery, waitMs } from '../shapes.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const params = z.object({ id: z.string() });
const tags = ['approvals'];

/** `happened`: of an effect of which nobody knew whether it was done, that it was. */
const given = z.enum(['once', 'session', 'never', 'happened']);

const approval = z
  .object({
    id: z.string(),
    status: z.enum(['pending', 'answered', 'used', 'expired', 'over']),
    askedAtMs: z.int(),
    question: z.looseObject({ requestHash: z.string(), session: z.string(), askedBy: z.string(), policy: z.string(), expiresAtMs: z.int() }).describe('what is asked, and all that an answer is bound to'),
    answer: z.object({ answer: given, by: z.string(), why: z.string().optional(), timeMs: z.int() }).optional(),
  })
  .meta({ id: 'Approval' });

const answerBody = z.strictObject({
  answer: given,
  why: z.string().max(1000).optional().describe('for the journal, and for whoever asked'),
  requestHash: z.string().max(128).describe('of what was shown to whoever answers: any other request is refused'),
});

/** What waits for a person. */
export function approvalRoutes(api: Api, { ports: { approvals, journal } }: RouteParts): void {
  const listing = pageQuery.extend({ all: flag });
  api.get('/approvals', { schema: { operationId: 'listApprovals', tags, summary: 'What waits for a person, newest first; with `all`, what was answered, too', querystring: listing, response: { 200: pageOf(approval) } } }, async ({ principal, query }) => {
    const found = await approvals.list(principal, { all: query.all, ...onePageMore(query) });
    const { items, ...more } = newestFirst(found, query.limit, ({ id, askedAtMs }) => ({ stream: id, firstMs: askedAtMs }));
    return { items: items.map(approvalBody), ...more };
  });
  api.get('/approvals/:id', { schema: { operationId: 'getApproval', tags, summary: 'One of them', params, querystring: z.object({ waitMs: waitMs.describe('how long to wait for an answer') }), response: { 200: approval } } }, async ({ principal, params: { id }, query }, reply) => {
    const known = approvalId(id);
    const { status } = await approvals.get(known, principal);
    if (status === 'pending') await untilWritten(journal, known, ['approval.answered', 'approval.closed'], { waitMs: query.waitMs, gone: clientGone(reply) });
    return approvalBody(await approvals.get(known, principal));
  });
  api.post('/approvals/:id/answer', { schema: { operationId: 'answerApproval', tags, summary: 'Say yes or no', params, body: answerBody, response: { 200: approval } } }, async (request) => {
    const { answer, why, requestHash } = request.body;
    return approvalBody(await approvals.answer(approvalId(request.params.id), { by: request.principal, answer, requestHash, ...(why === undefined ? {} : { why }) }));
  });
}

function approvalId(text: string) {
  const id = parseId('apr', text);
  if (id === undefined) throw new GloveboxError('not_found', `there is no approval ${text}`);
  return id;
}

function approvalBody({ id, status, askedAtMs, question, answer }: Approval): z.output<typeof approval> {
  return { id, status, askedAtMs, question: { ...question }, ...(answer === undefined ? {} : { answer: { ...answer } }) };
}
