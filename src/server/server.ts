import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Degradation, describeError, GloveboxError, type MetricsText, type RequestObserver } from '../contracts/index.ts';
import { authenticated, demand } from './access/authentication.ts';
import { type TokenIssuer, Tokens } from './access/tokens.ts';
import { documents } from './document.ts';
import { Draining } from './draining.ts';
import { idempotentWrites } from './idempotency/idempotent-writes.ts';
import { KeptAnswers } from './idempotency/kept-answers.ts';
import { boundedJson } from './json-bodies.ts';
import { type Problem, problemOf, PROBLEM_TYPE, refuseConnection } from './problem.ts';
import { auditRoutes } from './routes/audit.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { commandRoutes } from './routes/commands.ts';
import { contextRoutes } from './routes/contexts.ts';
import { fileRoutes } from './routes/files.ts';
import { healthRoutes } from './routes/health.ts';
import { javaScriptRoutes } from './routes/javascript.ts';
import { keyRoutes } from './routes/keys.ts';
import { mcpRoutes, Workplaces } from './routes/mcp.ts';
import { metricsRoute } from './routes/metrics.ts';
import { policyRoutes } from './routes/policies.ts';
import type { Api, RouteParts } from './routes/route.ts';
import { policyTrialRoutes } from './routes/policy-trials.ts';
import { runCopyRoutes } from './routes/run-copies.ts';
import { runRoutes } from './routes/runs.ts';
import { sandboxRoutes } from './routes/sandboxes.ts';
import { secretRoutes } from './routes/secrets.ts';
import { stopRoutes } from './routes/stops.ts';
import { terminalRoutes } from './routes/terminals.ts';
import { usageRoutes } from './routes/usage.ts';
import { ProgramSessions } from './sandboxes/program-sessions.ts';
import { ServedSandboxes } from './sandboxes/served-sandboxes.ts';
import type { SpoolLimits } from './sandboxes/spool.ts';
import { observed } from './observed.ts';
import { securityHeaders } from './security-headers.ts';
import type { ServerPorts } from './server-ports.ts';
import { slowBodies } from './slow-bodies.ts';
import { TERMINAL_TIMES, type TerminalTimes } from './terminals/terminal-socket.ts';
import { Tickets } from './terminals/tickets.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM, for anywhere but this machine itself. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer } | undefined;
  /** The word that it may be listened to without TLS from elsewhere: something in front of it has that. */
  readonly plainText?: boolean;
  /** Whose tokens are believed beside API keys. */
  readonly issuer?: TokenIssuer | undefined;
  /** Web pages of these origins may ask. */
  readonly origins?: readonly string[];
  /** How long clients at terminals may be silent or slow. */
  readonly terminals?: Partial<TerminalTimes>;
  /** Requests that a key (or an address that has none) may make in a minute. */
  readonly requestsPerMinute?: number;
  /** Sandboxes that a tenant may have open here. */
  readonly sandboxesPerTenant?: number;
  /** Of output that is kept for whoever asks again. */
  readonly spool?: SpoolLimits;
  /** Within which a request has to have come, and a client has to take what it is sent of a stream of events. */
  readonly deadlines?: { readonly headersMs?: number; readonly bodyMs?: number; readonly takeMs?: number };
  /** Requests are refused while the event loop is later than this. */
  readonly mostLateMs?: number;
  /** Sees each request. */
  readonly requests?: RequestObserver;
  /** Figures at `/metrics`, for whoever may read in the tenant of this installation. */
  readonly metrics?: MetricsText;
  /** What does not work as it should while the rest goes on, for `/readyz`. */
  readonly degradations?: () => Promise<readonly Degradation[]>;
  /** Told what became of what an earlier service had open. */
  readonly onNote?: (text: string) => void;
  /** Told of what goes wrong on our side; a client is told only that something did. */
  readonly onFault?: (fault: { readonly method: string; readonly path: string; readonly error: unknown }) => void;
}

export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:7717` */
  readonly url: string;
  /** From now on nothing is begun. Resolves when what was asked for is answered, after `graceMs` at the latest. */
  drain(graceMs: number): Promise<void>;
}

/** So long at most whoever asks waits until that is gone on with. Sandboxes themselves wait for twice as long. */
const ADOPT_MS = 15_000;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
const BODY_BYTES = 16 * 1_048_576;
const HEADERS_MS = 20_000;
/** Of a body that is read into memory. */
const BODY_MS = 60_000;
/** So long a client may take for what fits into its connection. */
const TAKE_MS = 60_000;
/** How often it is looked for connections that are late with theirs. */
const LOOK_MS = 5_000;
/** Of a body that trickles; archives have a deadline of their own. */
const REQUEST_MS = 35 * 60_000;
const REQUESTS_PER_MINUTE = 6000;
/** Beyond it the event loop is so late that waiting longer makes it worse. */
const MOST_LATE_MS = 2000;
/** How often at most it is looked how late it is. */
const SAMPLE_MS = 1000;

declare module 'fastify' {
  interface FastifyInstance {
    /** What a client is told of an error, with no secret in it. */
    problem(error: unknown): Promise<Problem>;
    /** How long a client may take for a piece of a stream of events. */
    readonly takeMs: number;
  }
}

/** Begins to listen. Errors: `config_invalid` where it would be heard from elsewhere in plain text, or cannot listen at all. */
export async function openServer(ports: ServerPorts, options: ServerOptions): Promise<RunningServer> {
  if (!LOOPBACK.has(options.host) && options.tls === undefined && options.plainText !== true) {
    throw new GloveboxError('config_invalid', `to be reached at ${options.host}, from other machines, the server needs TLS (--tls-key, --tls-cert), or the word --plain-text where something in front of it has that`);
  }
  await using open = new AsyncDisposableStack();
  const sandboxes = open.use(new ServedSandboxes(ports, { perTenant: options.sandboxesPerTenant, spool: options.spool }));
  const programs = open.use(new ProgramSessions(ports.policies, ports.sessions));
  const workplaces = open.use(new Workplaces(ports));
  const draining = new Draining();
  const adopted = Promise.withResolvers<void>();
  const app = open.adopt(await build(ports, options, { sandboxes, programs, workplaces, draining, adopted: adopted.promise }), (built) => built.close());
  // Whoever cannot even listen takes over nothing, and ends nothing with it.
  const url = await listen(app, options);
  await sandboxes.adopt({ signal: AbortSignal.timeout(ADOPT_MS), note: options.onNote ?? (() => undefined) });
  adopted.resolve();
  const running = open.move();
  return { url, drain: (graceMs) => draining.drain(graceMs), [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function listen(app: FastifyInstance, { host, port }: ServerOptions): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    throw new GloveboxError('config_invalid', `cannot listen at ${host}:${port}: ${describeError(error)}`, { cause: error });
  }
}

interface Held {
  readonly sandboxes: ServedSandboxes;
  readonly programs: ProgramSessions;
  readonly workplaces: Workplaces;
  readonly draining: Draining;
  /** Resolves when it is known what there is of an earlier service. */
  readonly adopted: Promise<void>;
}

async function build(ports: ServerPorts, options: ServerOptions, held: Held): Promise<FastifyInstance> {
  const app = bare(options);
  app.setValidatorCompiler(validatorCompiler);
  // What routes answer was typed by the same schema: to check it once more would cost more than the command.
  app.setSerializerCompiler(() => JSON.stringify);
  // As it comes: routes read it as a stream, with back-pressure.
  app.addContentTypeParser(['application/octet-stream', 'application/x-tar'], (_request, payload, done) => done(null, payload));
  boundedJson(app);
  slowBodies(app, options.deadlines?.bodyMs ?? BODY_MS);
  if (options.requests !== undefined) observed(app, options.requests);
  app.decorate('takeMs', options.deadlines?.takeMs ?? TAKE_MS);
  answersWithProblems(app, ports, options);
  // Before whatever refuses requests: an upgrade that is refused before it is known as one would keep its connection.
  await webSockets(app);
  held.draining.watch(app);
  app.addHook('onRequest', () => held.adopted);
  await guards(app, options);
  await documents(app, ports.version);
  healthRoutes(app, ports, options);
  const tickets = new Tickets(ports.clock);
  const access = { tickets, keys: ports.keys, tokens: options.issuer === undefined ? undefined : new Tokens(options.issuer, ports.authority), authority: ports.authority };
  await app.register(async (scope) => {
    authenticated(scope, access);
    mcpRoutes(scope, ports, held);
    if (options.metrics !== undefined) metricsRoute(scope, options.metrics, ports.authority);
    await scope.register(
      (plain, _options, done) => {
        const api = plain.withTypeProvider<ZodTypeProvider>();
        const parts: RouteParts = { ports, sandboxes: held.sandboxes, demand: (principal, permission) => demand(ports.authority, principal, permission) };
        idempotentWrites(api, new KeptAnswers({ ...ports, blobs: ports.sessions.blobs }));
        apiRoutes(api, parts, held.programs);
        terminalRoutes(api, { ...parts, tickets, times: { ...TERMINAL_TIMES, ...options.terminals }, origins: options.origins ?? [] });
        done();
      },
      { prefix: '/v1' },
    );
  });
  return app;
}

function bare({ tls, deadlines }: ServerOptions): FastifyInstance {
  const headersMs = deadlines?.headersMs ?? HEADERS_MS;
  return fastify({
    ...(tls === undefined ? {} : { https: tls }),
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: headersMs, connectionsCheckingInterval: Math.min(headersMs, LOOK_MS) },
    forceCloseConnections: true,
    clientErrorHandler: refuseConnection,
    // An address that leads nowhere for what is in it.
    frameworkErrors: (error, _request, reply) => void sendProblem(reply as FastifyReply, problemOf(error)),
    routerOptions: { maxParamLength: 256 },
    logger: false,
  });
}

function apiRoutes(api: Api, parts: RouteParts, programs: ProgramSessions): void {
  sandboxRoutes(api, parts);
  commandRoutes(api, parts);
  contextRoutes(api, parts);
  fileRoutes(api, parts);
  javaScriptRoutes(api, { ...parts, programs });
  runRoutes(api, parts);
  runCopyRoutes(api, parts);
  approvalRoutes(api, parts);
  policyRoutes(api, parts);
  policyTrialRoutes(api, parts);
  secretRoutes(api, parts);
  keyRoutes(api, parts);
  auditRoutes(api, parts);
  usageRoutes(api, parts);
  stopRoutes(api, parts);
}

function answersWithProblems(app: FastifyInstance, { redactor }: ServerPorts, { onFault }: ServerOptions): void {
  app.decorate('problem', async (error: unknown) => redactor.all(problemOf(error)));
  app.setErrorHandler(async (error, request, reply) => {
    const problem = await app.problem(error);
    if (problem.status >= 500 && !(error instanceof GloveboxError)) onFault?.({ method: request.method, path: request.routeOptions.url ?? '', error });
    const retryAfter = problem.details?.['retryAfterSeconds'];
    if (typeof retryAfter === 'number') void reply.header('retry-after', Math.ceil(retryAfter));
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const problem = problemOf(new GloveboxError('not_found', `${request.method} ${request.url.split('?')[0] ?? ''} is no route of this server: /openapi.json has those that are`));
    return sendProblem(reply, problem);
  });
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

async function guards(app: FastifyInstance, { origins = [], requestsPerMinute = REQUESTS_PER_MINUTE, mostLateMs = MOST_LATE_MS }: ServerOptions): Promise<void> {
  await securityHeaders(app);
  await app.register(cors, { origin: [...origins], methods: ['GET', 'POST', 'PUT', 'DELETE'], exposedHeaders: ['retry-after', 'location'], maxAge: 600 });
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    keyGenerator: ({ headers, ip }) => headers.authorization ?? ip,
    errorResponseBuilder: (_request, { after }) => Object.assign(new Error(`more requests than this key may make: again in ${after}`), { statusCode: 429 }),
  });
  // A time in which the loop never came round counts as late without end: one that is shorter than what is allowed would refuse too soon.
  await app.register(underPressure, { maxEventLoopDelay: mostLateMs, sampleInterval: Math.max(SAMPLE_MS, mostLateMs), retryAfter: 5, message: 'the server is too busy to take more: again in 5 s' });
}

/** What a client may send in one frame of a WebSocket. */
const FRAME_BYTES = 1_048_576;
/** So long clients may take to say goodbye when the server stops. */
const GOODBYE_MS = 1000;

async function webSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: FRAME_BYTES, perMessageDeflate: false },
    errorHandler: (_error, socket) => socket.terminate(),
    preClose: async () => {
      const { clients } = app.websocketServer;
      for (const client of clients) client.close(1001, 'the server stops');
      await Promise.race([Promise.all([...clients].map((client) => once(client, 'close'))), sleep(GOODBYE_MS, undefined, { ref: false })]);
      for (const client of clients) client.terminate();
      app.websocketServer.close();
    },
  });
}
