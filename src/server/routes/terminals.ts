import type { FastifyRequest, preValidationAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import { GloveboxError } from '../../contracts/index.ts';
import { OUTPUT_BYTES } from '../sandboxes/output-log.ts';
import type { ServedCommand } from '../sandboxes/served-command.ts';
import type { ServedSandbox } from '../sandboxes/served-sandbox.ts';
import { path, text } from '../shapes.ts';
import { KEEP_MS } from '../terminals/terminal-line.ts';
import { TerminalSocket, type TerminalTimes, terminalSize } from '../terminals/terminal-socket.ts';
import type { Tickets } from '../terminals/tickets.ts';
import type { Api, RouteParts } from './route.ts';

const params = z.object({ id: z.string() });
const tags = ['terminals'];

/** The image's own shell, whichever it has. */
const SHELL = ['/bin/sh', '-c', 'exec "$(command -v bash || echo sh)" -i'] as const;
const words = z.union([z.string().transform((word) => [word]), z.array(z.string())]);

const asked = z.object({
  command: z.string().max(64).optional().describe('a terminal that is there: one that a connection or a command began before; without it a program is started'),
  offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('the byte of its output that comes first'),
  argv: words.pipe(z.array(text(65_536)).min(1).max(256)).optional().describe('the program and its arguments; a shell where it is left out'),
  cwd: path.optional(),
  columns: terminalSize.columns.default(80),
  rows: terminalSize.rows.default(24),
  term: z.string().max(64).regex(/^[\w.+-]+$/).optional(),
  keepMs: z.coerce.number().int().min(0).max(600_000).default(KEEP_MS).describe('so long a program that is started here waits for somebody to come back, before it is hung up'),
  ticket: z.string().max(128).optional().describe('instead of Authorization, for browsers'),
});
type Asked = z.output<typeof asked>;

declare module 'fastify' {
  interface FastifyRequest {
    /** What a connection that is being upgraded will be at. */
    terminal?: ServedCommand;
  }
}

export interface TerminalParts extends RouteParts {
  readonly tickets: Tickets;
  readonly times: TerminalTimes;
  /** Web pages of these may connect, beside our own. */
  readonly origins: readonly string[];
}

/** Terminals over WebSockets. */
export function terminalRoutes(api: Api, parts: TerminalParts): void {
  const { sandboxes, demand, tickets, times } = parts;
  const ticket = z.object({ ticket: z.string(), expiresMs: z.int() }).meta({ id: 'Ticket' });
  api.post('/sandboxes/:id/pty/tickets', { config: { isToldOnce: true }, schema: { operationId: 'createTerminalTicket', tags, summary: 'For a browser: opens one terminal of this sandbox, once, within 30 seconds', params, response: { 201: ticket } } }, async ({ principal, params: { id } }, reply) => {
    demand(principal, 'start');
    return reply.code(201).send(tickets.issue(principal, sandboxes.get(id, principal).id));
  });
  api.decorateRequest('terminal');
  api.route({
    method: 'GET',
    url: '/sandboxes/:id/pty',
    schema: {
      operationId: 'openTerminal',
      tags,
      summary: 'A terminal, over a WebSocket',
      description:
        'Binary frames are what is shown and what is typed. Text frames are JSON; to us: {type: resize, columns, rows}, {type: signal, signal}, {type: end}; from us: {type: ready, command, offset, typed} first, {type: end, offset, end} last, {type: error, problem}. ' +
        'Whoever lost the connection comes back with `command` and the `offset` of the first byte that is missing; `typed` then says how many typed bytes the program was given.',
      params,
      querystring: asked,
      response: { 101: z.null().describe('It is a WebSocket from here on'), 426: z.null().describe('It is a WebSocket only') },
    },
    preValidation: ownPage(parts.origins),
    preHandler: async (request) => {
      if (!request.ws) throw new GloveboxError('usage', 'a terminal is a WebSocket: connect with ws:// or wss://');
      demand(request.principal, 'start');
      request.terminal = await terminalOf(sandboxes.get(request.params.id, request.principal), queryOf(request), parts);
    },
    handler: async (_request, reply) => reply.code(426).send(null),
    wsHandler: async (socket, request) => {
      const { terminal } = request;
      if (terminal === undefined) return socket.terminate();
      await new TerminalSocket(socket, terminal, { times, problem: (error) => api.problem(error) }).serve(queryOf(request).offset);
    },
  });
}

/** As the validator left it: hooks are not typed by the schema. */
function queryOf({ query }: FastifyRequest): Asked {
  return query as Asked;
}

/** Browsers let any page open a WebSocket to anywhere, and say which page it is. Errors: `denied`. */
function ownPage(origins: readonly string[]): preValidationAsyncHookHandler {
  return async ({ headers }) => {
    const { origin, host } = headers;
    if (origin === undefined || origins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host)) return;
    throw new GloveboxError('denied', `pages of ${origin.slice(0, 200)} may not connect: the operator names those that may (--origin)`);
  };
}

/** Errors: `not_found`, `usage` for a command without a terminal, those of `ServedSandbox.exec`. */
async function terminalOf(served: ServedSandbox, { command, argv, cwd, columns, rows, term, keepMs }: Asked, { ports }: RouteParts): Promise<ServedCommand> {
  if (command !== undefined) {
    const known = served.command(command);
    if (known.terminal === undefined) throw new GloveboxError('usage', `${command} has no terminal: its output is at …/commands/${command}/output`);
    return known;
  }
  const [program, ...rest] = argv ?? SHELL;
  const outputBytes = served.session.policy.grant.command.outputBytes ?? OUTPUT_BYTES;
  const request = { argv: [program ?? '', ...rest] as const, terminal: { columns, rows, ...(term === undefined ? {} : { term }) }, stdin: 'pipe' as const, limits: { outputBytes }, ...(cwd === undefined ? {} : { cwd }) };
  return served.exec(request, ports.clock.now(), { keepMs, isKept: true });
}
