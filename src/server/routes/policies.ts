import { z } from 'zod';
import type { DecisionRequest, PolicyFile } from '../../contracts/index.ts';
import { page } from '../pages.ts';
import { decision, decisionBody, pageOf, pageQuery, policyName } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const params = z.object({ name: policyName });
const tags = ['policies'];
const policy = z.object({ name: z.string(), hash: z.string(), mode: z.enum(['enforce', 'observe']) }).meta({ id: 'Policy' });
const rule = z.object({ rule: z.string(), file: z.string(), line: z.int() });
/** Policy itself denies what is in no form that rules can be held against. */
const request = z.looseObject({ action: z.string() }).describe('a question in canonical form, as the journal has it');

/** What would be decided, without doing it. */
export function policyRoutes(api: Api, { ports: { policies }, demand }: RouteParts): void {
  api.get('/policies', { schema: { operationId: 'listPolicies', tags, summary: 'Those that there are, by name', querystring: pageQuery, response: { 200: pageOf(z.string()) } } }, async ({ principal, query }) => {
    demand(principal, 'read');
    const { items, ...more } = page(await policies.names(), query, (name) => name);
    return { items: [...items], ...more };
  });
  api.get('/policies/:name', { schema: { operationId: 'getPolicy', tags, summary: 'One of them: its version and its rules', params, response: { 200: policy.extend({ rules: z.array(rule), cedar: z.string() }) } } }, async ({ principal, params: { name } }) => {
    demand(principal, 'read');
    const found = await policies.load(name);
    return { ...bodyOf(found), rules: found.rules.map(({ rule: at, file, line }) => ({ rule: at, file, line })), cedar: found.cedar() };
  });
  api.post('/policies/:name/decide', { schema: { operationId: 'askPolicy', tags, summary: 'Ask it; nothing is done, and nothing written', params, body: z.strictObject({ request }), response: { 200: decision } } }, async ({ principal, params: { name }, body }) => {
    demand(principal, 'read');
    const found = await policies.load(name);
    // What has not this form is denied by every policy, with the reason.
    return decisionBody(found.decide(body.request as unknown as DecisionRequest, principal));
  });
}

function bodyOf({ name, hash, mode }: PolicyFile): z.output<typeof policy> {
  return { name, hash, mode };
}
