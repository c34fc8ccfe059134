import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { RequestObserver } from '../contracts/index.ts';

/** https://www.w3.org/TR/trace-context/#traceparent-header: version, trace, parent, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const TRACE_BYTES = 16;

/** Each request has a trace, the caller's own where it sent one: it stands in what is logged meanwhile, and in `x-trace-id` of the answer. */
export function observed(app: FastifyInstance, observer: RequestObserver): void {
  app.addHook('onRequest', (request, reply, done) => {
    const given = request.headers['traceparent'];
    const trace = (typeof given === 'string' ? TRACEPARENT.exec(given)?.[1] : undefined) ?? randomBytes(TRACE_BYTES).toString('hex');
    void reply.header('x-trace-id', trace);
    observer.begin(trace, done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    observer.answered({ method: request.method, route: request.routeOptions.url ?? 'none', status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    done();
  });
}
