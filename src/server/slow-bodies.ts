import type { FastifyInstance } from 'fastify';

/** What is read as it comes, for as long as it takes. */
const STREAMED = /^application\/(?:octet-stream|x-tar)\b/;

/** A body that is read into memory has to come within a time; whoever trickles it holds a connection and what it is for. */
export function slowBodies(app: FastifyInstance, deadlineMs: number): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding, 'content-type': type = '' } = request.headers;
    if ((length !== undefined && length !== '0') || encoding !== undefined) {
      if (!STREAMED.test(type)) {
        const tooSlow = (): void => {
          // It was answered without being read.
          if (reply.sent || payload.listenerCount('error') === 0) return void request.raw.destroy();
          void reply.header('connection', 'close');
          // Whoever reads it hears of it, and the answer can still be sent: to destroy it would be to hang up.
          payload.emit('error', Object.assign(new Error(`the body did not come within ${deadlineMs} ms`), { statusCode: 408 }));
        };
        const timer = setTimeout(tooSlow, deadlineMs).unref();
        payload.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
      }
    }
    done(null, payload);
  });
}
