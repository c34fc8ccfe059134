import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Authority, GloveboxError, type Permission, type Principal } from '../../contracts/index.ts';
import type { Tickets } from '../terminals/tickets.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Tokens } from './tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before any handler of the API runs. */
    principal: Principal;
  }
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

export interface Access {
  readonly keys: ApiKeys;
  readonly tokens: Tokens | undefined;
  readonly authority: Authority;
  /** Of browsers, which cannot set a header on a WebSocket. */
  readonly tickets: Tickets;
}

/** From here on nobody comes in without saying who he is. */
export function authenticated(app: FastifyInstance, access: Access): void {
  app.decorateRequest('principal');
  app.addHook('onRequest', async (request, reply) => {
    const given = credential(request);
    const principal = given === undefined ? ticketHolder(request, access) : await identify(given, access);
    if (principal === undefined) {
      void reply.header('www-authenticate', 'Bearer realm="glovebox"');
      throw new Unauthenticated(given === undefined);
    }
    request.principal = principal;
  });
}

/** Errors: `denied`. */
export function demand(authority: Authority, principal: Principal, permission: Permission): void {
  if (!authority.may(principal, permission, principal.tenant)) throw new GloveboxError('denied', `no role of ${principal.name} lets him ${permission}`);
}

class Unauthenticated extends GloveboxError {
  constructor(isMissing: boolean) {
    super('unauthenticated', isMissing ? 'say who you are: Authorization: Bearer <API key or token>' : 'this key or token is none, or no more');
  }
}

function credential({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  return authorization === undefined ? undefined : (BEARER.exec(authorization)?.[1] ?? '');
}

const ticketed = z.object({ query: z.object({ ticket: z.string() }), params: z.object({ id: z.string() }) });

function ticketHolder(request: FastifyRequest, { tickets }: Access): Principal | undefined {
  const found = request.ws ? ticketed.safeParse(request).data : undefined;
  return found === undefined ? undefined : tickets.redeem(found.query.ticket, found.params.id);
}

async function identify(given: string, { keys, tokens }: Access): Promise<Principal | undefined> {
  if (given.startsWith('gbx_')) return keys.authenticate(given);
  return tokens?.authenticate(given);
}
