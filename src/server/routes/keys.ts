import { z } from 'zod';
import { principal } from '../../contracts/index.ts';
import { page } from '../pages.ts';
import { pageOf, pageQuery } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const tags = ['keys'];
const key = z
  .object({
    id: z.string(),
    name: z.string(),
    tenant: z.string(),
    roles: z.array(z.string()),
    createdMs: z.int(),
    createdBy: z.string(),
    expiresMs: z.int().optional(),
    revokedMs: z.int().optional(),
  })
  .meta({ id: 'ApiKey' });

const newKey = z.strictObject({
  name: z.string().min(1).max(64).regex(/^[\w.@-]+$/, 'letters, digits and . @ _ -'),
  roles: principal.shape.roles.min(1).default(['operator']),
  expiresInMs: z.int().positive().max(10 * 365 * 86_400_000).optional(),
});

/** API keys of a tenant. */
export function keyRoutes(api: Api, { ports: { keys, clock } }: RouteParts): void {
  api.get('/keys', { schema: { operationId: 'listKeys', tags, summary: 'Those of your tenant, oldest first', querystring: pageQuery, response: { 200: pageOf(key) } } }, async ({ principal: by, query }) => {
    const { items, ...more } = page(await keys.list(by), query, ({ createdMs, id }) => `${String(createdMs).padStart(15, '0')} ${id}`);
    return { items: items.map((entry) => ({ ...entry, roles: [...entry.roles] })), ...more };
  });
  api.post('/keys', { config: { isToldOnce: true }, schema: { operationId: 'createKey', tags, summary: 'Make one; it is shown this once', body: newKey, response: { 201: key.extend({ key: z.string() }) } } }, async (request, reply) => {
    const { name, roles, expiresInMs } = request.body;
    const expiresMs = expiresInMs === undefined ? undefined : clock.now() + expiresInMs;
    const made = await keys.create({ name, roles, tenant: request.principal.tenant, expiresMs }, request.principal);
    return reply.code(201).send({ ...made.entry, roles: [...made.entry.roles], key: made.key });
  });
  api.delete('/keys/:id', { schema: { operationId: 'revokeKey', tags, summary: 'Revoke one: from now on it opens nothing', params: z.object({ id: z.string().max(64) }), response: { 200: key } } }, async (request) => {
    const entry = await keys.revoke(request.params.id, request.principal);
    return { ...entry, roles: [...entry.roles] };
  });
}
