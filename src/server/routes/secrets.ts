import { z } from 'zod';
import type { Principal } from '../../contracts/index.ts';
import { demandOperator } from '../access/operator.ts';
import { page } from '../pages.ts';
import { pageOf, pageQuery } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const params = z.object({ name: z.string().max(128) });
const tags = ['secrets'];
const entry = z.object({ name: z.string(), setMs: z.int() });

/** Secrets of this installation: names alone ever come out. They are the machine's, so its own tenant alone keeps them. */
export function secretRoutes(api: Api, parts: RouteParts): void {
  const { secrets } = parts.ports;
  const mayKeep = (principal: Principal): void => demandOperator(parts, principal, 'secrets of the installation');
  api.get('/secrets', { schema: { operationId: 'listSecrets', tags, summary: 'Their names, and when they were set', querystring: pageQuery, response: { 200: pageOf(entry) } } }, async ({ principal, query }) => {
    mayKeep(principal);
    const { items, ...more } = page(await secrets.list(), query, ({ name }) => name);
    return { items: items.map((secret) => ({ ...secret })), ...more };
  });
  api.put('/secrets/:name', { schema: { operationId: 'setSecret', tags, summary: 'Keep one, or a new value of one', params, body: z.strictObject({ value: z.string().min(1).max(65_536) }), response: { 204: z.null() } } }, async (request, reply) => {
    mayKeep(request.principal);
    await secrets.set(request.params.name, request.body.value, request.principal);
    return reply.code(204).send(null);
  });
  api.delete('/secrets/:name', { schema: { operationId: 'removeSecret', tags, summary: 'Forget one', params, response: { 204: z.null() } } }, async (request, reply) => {
    mayKeep(request.principal);
    await secrets.remove(request.params.name, request.principal);
    return reply.code(204).send(null);
  });
}
