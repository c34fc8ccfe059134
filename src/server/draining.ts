import type { FastifyInstance } from 'fastify';
import { GloveboxError } from '../contracts/index.ts';

const WRITING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** Routes by which something is begun; what is under way can still be fed, read, answered and ended. */
const BEGINS = /\/(?:sandboxes|fork|commands|contexts|calls|restart|javascript|runs|replay)$/;
/** When whoever is sent away may find another server, or this one again. */
const COME_AGAIN_MS = 5000;

/** A server that is to stop: what was asked for is answered, and nothing more is begun. */
export class Draining {
  #isOn = false;
  #underWay = 0;
  #idle = Promise.withResolvers<void>();

  /** Writes are counted from here on; those that begin something are refused once it drains. */
  watch(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      if (!WRITING.has(request.method)) return;
      if (this.#isOn && request.method === 'POST' && BEGINS.test(request.routeOptions.url ?? '')) throw new GloveboxError('stopping', 'the server is stopping: nothing more is begun', { details: { retryAfterMs: COME_AGAIN_MS } });
      this.#underWay += 1;
      reply.raw.once('close', () => {
        this.#underWay -= 1;
        if (this.#underWay === 0) this.#idle.resolve();
      });
    });
  }

  /** Resolves when what is under way was answered, after `graceMs` at the latest. */
  async drain(graceMs: number): Promise<void> {
    this.#isOn = true;
    if (this.#underWay === 0) return;
    this.#idle = Promise.withResolvers<void>();
    const timer = setTimeout(this.#idle.resolve, graceMs);
    await this.#idle.promise;
    clearTimeout(timer);
  }
}
