import { z } from 'zod';
import { defined } from '../defined.ts';
import { page } from '../pages.ts';
import { newSandbox, pageOf, pageQuery, sandbox, sandboxBody, snapshotId } from '../shapes.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const params = z.object({ id: z.string() });
const tags = ['sandboxes'];
const snapshotBody = z.object({ id: z.string(), bytes: z.int(), files: z.int() });

/** Sandboxes from their making to their end. */
export function sandboxRoutes(api: Api, parts: RouteParts): void {
  const { sandboxes, demand } = parts;
  api.post('/sandboxes', { schema: { operationId: 'createSandbox', tags, summary: 'Open a session with one sandbox', body: newSandbox, response: { 201: sandbox } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const { session, limits, ...wanted } = request.body;
    const made = await sandboxes.create({ ...wanted, session: defined(session ?? {}), sandbox: defined(limits ?? {}) }, request.principal, clientGone(reply));
    return reply.code(201).header('location', `/v1/sandboxes/${made.id}`).send(sandboxBody(made));
  });
  api.get('/sandboxes', { schema: { operationId: 'listSandboxes', tags, summary: 'Those that are open', querystring: pageQuery, response: { 200: pageOf(sandbox) } } }, (request) => {
    demand(request.principal, 'read');
    const { items, ...more } = page(sandboxes.list(request.principal), request.query, ({ id }) => id);
    return Promise.resolve({ items: items.map(sandboxBody), ...more });
  });
  api.get('/sandboxes/:id', { schema: { operationId: 'getSandbox', tags, summary: 'One of them', params, response: { 200: sandbox } } }, (request) => {
    demand(request.principal, 'read');
    return Promise.resolve(sandboxBody(sandboxes.get(request.params.id, request.principal)));
  });
  api.delete('/sandboxes/:id', { schema: { operationId: 'deleteSandbox', tags, summary: 'End it; answered when nothing is left of it', params, response: { 204: z.null() } } }, async (request, reply) => {
    demand(request.principal, 'start');
    await sandboxes.remove(sandboxes.get(request.params.id, request.principal));
    return reply.code(204).send(null);
  });
  lifeRoutes(api, parts);
  copyRoutes(api, parts);
}

function lifeRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  api.post('/sandboxes/:id/pause', { schema: { operationId: 'pauseSandbox', tags, summary: 'Freeze it', params, response: { 200: sandbox } } }, async (request) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    await served.governed.pause();
    served.isPaused = true;
    return sandboxBody(served);
  });
  api.post('/sandboxes/:id/resume', { schema: { operationId: 'resumeSandbox', tags, summary: 'Go on where it was', params, response: { 200: sandbox } } }, async (request) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    await served.governed.resume();
    served.isPaused = false;
    return sandboxBody(served);
  });
  api.post('/sandboxes/:id/keepalive', { schema: { operationId: 'keepSandboxAlive', tags, summary: 'Begin its idle time again', params, response: { 200: sandbox } } }, (request) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    served.session.keepAlive();
    return Promise.resolve(sandboxBody(served));
  });
}

function copyRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  api.post('/sandboxes/:id/snapshot', { schema: { operationId: 'snapshotSandbox', tags, summary: 'Keep its workspace as it is now', params, response: { 201: snapshotBody } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const { id, bytes, files } = await sandboxes.get(request.params.id, request.principal).governed.snapshot();
    return reply.code(201).send({ id, bytes, files });
  });
  api.post(
    '/sandboxes/:id/restore',
    { schema: { operationId: 'restoreSandbox', tags, summary: 'A snapshot instead of its workspace', params, body: z.strictObject({ snapshot: snapshotId }), response: { 200: sandbox } } },
    async (request) => {
      demand(request.principal, 'start');
      const served = sandboxes.get(request.params.id, request.principal);
      await sandboxes.restore(served, request.body.snapshot);
      return sandboxBody(served);
    },
  );
  api.post(
    '/sandboxes/:id/fork',
    { schema: { operationId: 'forkSandbox', tags, summary: 'More sandboxes that begin with its workspace', params, body: z.strictObject({ count: z.int().min(1).max(16).default(1) }), response: { 201: z.object({ snapshot: z.string(), sandboxes: z.array(sandbox) }) } } },
    async (request, reply) => {
      demand(request.principal, 'start');
      const forked = await sandboxes.fork(sandboxes.get(request.params.id, request.principal), request.body.count);
      return reply.code(201).send({ snapshot: forked.snapshot, sandboxes: forked.sandboxes.map(sandboxBody) });
    },
  );
}
