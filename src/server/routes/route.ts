import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Permission, Principal } from '../../contracts/index.ts';
import { isKeyed } from '../idempotency/idempotent-writes.ts';
import type { ServedSandboxes } from '../sandboxes/served-sandboxes.ts';
import type { ServerPorts } from '../server-ports.ts';

/** Where routes are added whose schemas are zod. */
export type Api = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, ZodTypeProvider>;

/** What routes are made of. */
export interface RouteParts {
  readonly ports: ServerPorts;
  readonly sandboxes: ServedSandboxes;
  /** Errors: `denied`. */
  readonly demand: (principal: Principal, permission: Permission) => void;
}

interface ClientReply {
  readonly raw: { once(event: 'close', listener: () => void): unknown; readonly writableFinished: boolean };
  readonly request: FastifyRequest;
}

/** Fires when the client has gone before it was answered, and will not come back for the answer. */
export function clientGone(reply: ClientReply): AbortSignal {
  const gone = new AbortController();
  if (isKeyed(reply.request)) return gone.signal;
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}
