import { createMcpHandler } from '@modelcontextprotocol/server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { canonicalJson, GloveboxError, type Principal } from '../../contracts/index.ts';
import type { Draining } from '../draining.ts';
import { mcpServer } from '../mcp/mcp-server.ts';
import { Workplace } from '../mcp/workplace.ts';
import type { ServerPorts } from '../server-ports.ts';
import { policyName } from '../shapes.ts';
import { clientGone } from './route.ts';

/** Those that hold nothing any more are forgotten when there are so many. */
const KEPT = 64;

const wanted = z.object({ policy: policyName.default('exec'), 'fix-policy': policyName.default('code-fix'), model: z.string().max(256).optional() });

/** Hears of changes until somebody ends it. */
const listening = z.object({ method: z.literal('subscriptions/listen') });

interface McpHeld {
  readonly workplaces: Workplaces;
  readonly draining: Pick<Draining, 'signal'>;
}

/** The workplaces of clients: one for each principal and policy, until nobody has done anything in it for the policy's idle time. */
export class Workplaces implements AsyncDisposable {
  readonly #ports: ServerPorts;
  readonly #open = new Map<string, Workplace>();

  constructor(ports: ServerPorts) {
    this.#ports = ports;
  }

  /** Errors: those of `Policies.load`. */
  async of(principal: Principal, policyName: string): Promise<Workplace> {
    const policy = await this.#ports.policies.load(policyName);
    const key = canonicalJson({ principal, policy: policy.hash });
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    if (this.#open.size >= KEPT) for (const [each, { isEmpty }] of this.#open) if (isEmpty) this.#open.delete(each);
    const workplace = new Workplace(this.#ports.sessions, { principal, policy });
    this.#open.set(key, workplace);
    return workplace;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map((workplace) => workplace[Symbol.asyncDispose]()));
  }
}

/** The Model Context Protocol over HTTP: `/mcp?policy=exec&fix-policy=code-fix&model=anthropic:…`; what is said in the address is its operator's choice, and no model's. */
export function mcpRoutes(app: FastifyInstance, ports: ServerPorts, { workplaces, draining }: McpHeld): void {
  const asked = new WeakMap<Request, { readonly principal: Principal; readonly query: z.output<typeof wanted> }>();
  const handler = createMcpHandler(async ({ requestInfo }) => {
    const request = requestInfo === undefined ? undefined : asked.get(requestInfo);
    if (request === undefined) throw new GloveboxError('internal', 'a request of the protocol that nobody made');
    const { principal, query } = request;
    const { policy, 'fix-policy': fixPolicy, model } = query;
    const workplace = await workplaces.of(principal, policy);
    return mcpServer({ version: ports.version, redactor: ports.redactor, workplace, fix: { runs: ports.runs(principal), policy: fixPolicy, model, stopping: draining.signal } });
  });
  app.addHook('onClose', () => handler.close());
  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    schema: { hide: true, querystring: wanted },
    handler: async (request, reply) => {
      const gone = clientGone(reply);
      // Its client asks elsewhere, or again.
      const web = webRequest(request, listening.safeParse(request.body).success ? AbortSignal.any([gone, draining.signal]) : gone);
      asked.set(web, { principal: request.principal, query: wanted.parse(request.query) });
      return reply.send(await handler.fetch(web, request.method === 'POST' ? { parsedBody: request.body } : {}));
    },
  });
}

function webRequest({ method, url, host, protocol, headers }: FastifyRequest, signal: AbortSignal): Request {
  const given = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((each): [string, string] => [name, each]));
  return new Request(`${protocol}://${host}${url}`, { method, headers: given, signal });
}
