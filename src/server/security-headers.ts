import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** What browsers are told in every answer. It never changes, and helmet would work it out for each: it is asked once. */
export async function securityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, { global: false, contentSecurityPolicy: { directives: { 'img-src': ["'self'", 'data:'], 'upgrade-insecure-requests': null } } });
  let headers: readonly (readonly [name: string, value: string])[] | undefined;
  app.addHook('onRequest', (_request, { raw, helmet: ask }, done) => {
    if (headers === undefined) {
      const before = new Set(raw.getHeaderNames());
      void ask();
      headers = raw.getHeaderNames().flatMap((name) => (before.has(name) ? [] : [[name, String(raw.getHeader(name))] as const]));
    } else for (const [name, value] of headers) raw.setHeader(name, value);
    done();
  });
}
