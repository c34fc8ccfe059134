import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Degradation } from '../../contracts/index.ts';
import type { ServerPorts } from '../server-ports.ts';

const tags = ['health'];
const readiness = z.object({
  status: z.string(),
  kinds: z.array(z.string()).describe('of sandboxes that can be made here'),
  degraded: z.array(z.string()).describe('what does not work as it should while the rest goes on'),
});

/** Whether it lives, and whether it can do what it is for: for whoever asks, without a key, so nothing is told of what it does. */
export function healthRoutes(app: FastifyInstance, { journal, sessions }: ServerPorts, { degradations = nothing }: { readonly degradations?: () => Promise<readonly Degradation[]> }): void {
  const api = app.withTypeProvider<ZodTypeProvider>();
  api.get('/healthz', { schema: { operationId: 'isAlive', tags, summary: 'Whether the process answers', response: { 200: z.object({ status: z.string() }) } } }, () => ({ status: 'ok' }));
  api.get('/readyz', { schema: { operationId: 'isReady', tags, summary: 'Whether the journal answers and sandboxes can be made', response: { 200: readiness, 503: readiness } } }, async (_request, reply) => {
    await journal.streams({ limit: 1 });
    const kinds = (await sessions.sandboxes.status()).filter(({ available }) => available).map(({ kind }) => kind);
    const degraded = (await degradations()).map(({ what }) => what);
    return reply.code(kinds.length === 0 ? 503 : 200).send({ status: statusOf(kinds, degraded), kinds, degraded });
  });
}

function statusOf(kinds: readonly string[], degraded: readonly string[]): string {
  if (kinds.length === 0) return 'no kind of sandbox can be used';
  return degraded.length === 0 ? 'ready' : 'degraded';
}

function nothing(): Promise<readonly Degradation[]> {
  return Promise.resolve([]);
}
