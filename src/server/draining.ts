import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GloveboxError } from '../contracts/index.ts';

const WRITING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** Routes by which something is begun; what is under way can still be fed, read, answered and ended. */
const BEGINS = /\/(?:sandboxes|fork|commands|contexts|calls|restart|javascript|runs|replay|mcp)$/;
/** When whoever is sent away may find another server, or this one again. */
const COME_AGAIN_SECONDS = 5;

/** A terminal is a GET; one that is connected to again has a command already. */
function begins({ method, routeOptions: { url = '' }, query }: FastifyRequest): boolean {
  if (method === 'POST') return BEGINS.test(url);
  return url.endsWith('/pty') && !Object.hasOwn(Object(query) as object, 'command');
}

/** A server that is to stop: what was asked for is answered, and nothing more is begun. */
export class Draining {
  readonly #begun = new AbortController();
  #underWay = 0;
  #idle = Promise.withResolvers<void>();

  /** Fires when it begins: for what would go on as long as the server. */
  get signal(): AbortSignal {
    return this.#begun.signal;
  }

  /** Writes are counted from here on; those that begin something are refused once it drains. */
  watch(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      if (this.signal.aborted && begins(request)) throw new GloveboxError('stopping', 'the server is stopping: nothing more is begun', { details: { retryAfterSeconds: COME_AGAIN_SECONDS } });
      if (!WRITING.has(request.method)) return;
      this.#underWay += 1;
      reply.raw.once('close', () => {
        this.#underWay -= 1;
        if (this.#underWay === 0) this.#idle.resolve();
      });
    });
  }

  /** Resolves when what is under way was answered, after `graceMs` at the latest. */
  async drain(graceMs: number): Promise<void> {
    this.#idle = Promise.withResolvers<void>();
    this.#begun.abort(new GloveboxError('stopping', 'the server is stopping'));
    if (this.#underWay === 0) return;
    const timer = setTimeout(this.#idle.resolve, graceMs);
    await this.#idle.promise;
    clearTimeout(timer);
  }
}
