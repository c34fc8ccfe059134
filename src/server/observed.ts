import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { RequestObserver, RequestTrace } from '../contracts/index.ts';

/** https://www.w3.org/TR/trace-context/#traceparent-header: version, trace, parent, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}/;
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where nobody observes. */
    observedAs: RequestTrace | undefined;
  }
}

/** Each request has a trace, the caller's own where it sent one: it stands in what is logged meanwhile, and in `x-trace-id` of the answer. */
export function observed(app: FastifyInstance, observer: RequestObserver): void {
  app.decorateRequest('observedAs', undefined);
  app.addHook('onRequest', (request, reply, done) => {
    const trace = traceOf(request.headers['traceparent']);
    request.observedAs = trace;
    void reply.header('x-trace-id', trace.trace);
    observer.begin(trace, done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { observedAs: trace, method, routeOptions } = request;
    if (trace !== undefined) observer.answered({ trace, method, route: routeOptions.url ?? 'none', status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    done();
  });
}

function traceOf(traceparent: unknown): RequestTrace {
  const [, trace = randomBytes(TRACE_BYTES).toString('hex'), parent] = (typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : undefined) ?? [];
  return { trace, span: randomBytes(SPAN_BYTES).toString('hex'), ...(parent === undefined ? {} : { parent }) };
}
