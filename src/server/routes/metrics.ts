import type { FastifyInstance } from 'fastify';
import { type Authority, GloveboxError, LOCAL_TENANT, type MetricsText } from '../../contracts/index.ts';

/** The figures of this process, which are those of all tenants together: whoever may read in the installation's own tenant sees them. */
export function metricsRoute(app: FastifyInstance, metrics: MetricsText, authority: Authority): void {
  app.get('/metrics', { schema: { hide: true } }, async ({ principal }, reply) => {
    if (!authority.may(principal, 'read', LOCAL_TENANT)) throw new GloveboxError('denied', `metrics are for who may read in the tenant ${LOCAL_TENANT}`);
    return reply.type(metrics.contentType).send(await metrics.text());
  });
}
