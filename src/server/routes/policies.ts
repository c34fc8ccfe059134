import { z } from 'zod';
import { type DecisionRequest, GloveboxError, type PolicyFile } from '../../contracts/index.ts';
import { answer, asker, QUESTION_KEYS, questionFields, questionVariables } from '../../policy/index.ts';
import { page } from '../pages.ts';
import { copied, decision, decisionBody, pageOf, pageQuery, policyName } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const params = z.object({ name: policyName });
const tags = ['policies'];
const policy = z.object({ name: z.string(), hash: z.string(), mode: z.enum(['enforce', 'observe']) }).meta({ id: 'Policy' });
const rule = z.object({ rule: z.string(), file: z.string(), line: z.int() });
/** Policy itself denies what is in no form that rules can be held against. */
const request = z.looseObject({ action: z.string() }).describe('a question in canonical form, as the journal has it');

const question = z.strictObject(questionFields).describe('as people write it: one of exec, write, connect …');
const asked = z.strictObject({ question, as: asker.optional().describe('whose session asks; yours where nothing is said'), variables: questionVariables.optional() });
const answered = z
  .object({
    policy: z.object({ name: z.string(), hash: z.string() }),
    request: request.describe('the question in canonical form'),
    decision,
    remedies: z.array(z.string()).describe('what would have to change for another answer'),
    binds: z.string().describe('what holds it, beyond the answer'),
  })
  .meta({ id: 'PolicyAnswer' });

/** What would be decided, without doing it. */
export function policyRoutes(api: Api, { ports: { policies }, demand }: RouteParts): void {
  api.get('/policies', { schema: { operationId: 'listPolicies', tags, summary: 'Those that there are, by name', querystring: pageQuery, response: { 200: pageOf(z.string()) } } }, async ({ principal, query }) => {
    demand(principal, 'read');
    const { items, ...more } = page(await policies.names(), query, (name) => name);
    return { items: [...items], ...more };
  });
  api.get('/policies/:name', { schema: { operationId: 'getPolicy', tags, summary: 'One of them: its version, what it lends and its rules', params, response: { 200: policy.extend({ grant: z.looseObject({}), rules: z.array(rule), cedar: z.string() }) } } }, async ({ principal, params: { name } }) => {
    demand(principal, 'read');
    const found = await policies.load(name);
    return { ...bodyOf(found), grant: { ...found.grant }, rules: found.rules.map(({ rule: at, file, line }) => ({ rule: at, file, line })), cedar: found.cedar() };
  });
  api.post('/policies/:name/decide', { schema: { operationId: 'askPolicy', tags, summary: 'Ask it; nothing is done, and nothing written', params, body: z.strictObject({ request }), response: { 200: decision } } }, async ({ principal, params: { name }, body }) => {
    demand(principal, 'read');
    const found = await policies.load(name);
    // What has not this form is denied by every policy, with the reason.
    return decisionBody(found.decide(body.request as unknown as DecisionRequest, principal));
  });
  api.post('/policies/:name/explain', { schema: { operationId: 'explainPolicy', tags, summary: 'Its answer to a question as people write it, and why; nothing is done', params, body: asked, response: { 200: answered } } }, async ({ principal, params: { name }, body }) => {
    demand(principal, 'read');
    const found = QUESTION_KEYS.filter((key) => body.question[key] !== undefined);
    if (found.length !== 1) throw new GloveboxError('usage', `question: expected one of ${QUESTION_KEYS.join(', ')}, found ${found.length === 0 ? 'none' : found.join(' and ')}`);
    return copied(answered, answer(await policies.load(name), body.question, { as: body.as ?? principal, variables: body.variables }));
  });
}

function bodyOf({ name, hash, mode }: PolicyFile): z.output<typeof policy> {
  return { name, hash, mode };
}
