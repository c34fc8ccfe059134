import { createHmac, type Hmac } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GloveboxError } from '../../contracts/index.ts';
import type { Api } from '../routes/route.ts';
import { type Answer, type KeptAnswers, reused } from './kept-answers.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its answer holds what is told once. */
    readonly isToldOnce?: boolean;
    /** Done twice it is as done once. */
    readonly isRepeatable?: boolean;
  }
  interface FastifyRequest {
    keyed?: Keyed;
  }
}

/** A request that came with a key, and how far it has come. */
interface Keyed {
  readonly key: string;
  readonly body: Hmac;
  /** Where it is written what came of it, once it was begun. */
  stream?: string | undefined;
}

const WRITING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const REPEATABLE: ReadonlySet<string> = new Set(['PUT', 'DELETE']);
const KEY = /^[\x21-\x7e]{1,256}$/;

/** Every write of the API is done once for a key: who asks again, because he did not hear, is told what came of it. */
export function idempotentWrites(api: Api, answers: KeptAnswers): void {
  api.addHook('preParsing', (request, _reply, payload, done) => {
    const key = keyOf(request);
    if (key === undefined) return done(null, payload);
    if (!KEY.test(key)) return done(new GloveboxError('usage', 'Idempotency-Key: expected 1 to 256 visible characters of ASCII'));
    const body = createHmac('sha256', key);
    request.keyed = { key, body };
    const hashed = new Transform({ transform: (chunk: Buffer, _encoding, passed) => passed(null, (body.update(chunk), chunk)) });
    // What breaks before it is read, breaks where it is read.
    payload.once('error', (error: Error) => hashed.destroy(error));
    hashed.on('error', () => {});
    done(null, payload.pipe(hashed));
  });
  api.addHook('preHandler', async (request, reply) => {
    const { keyed } = request;
    if (keyed === undefined) return;
    const { method, url, principal, routeOptions } = request;
    const headHash = createHmac('sha256', keyed.key).update(`${method} ${url}`).digest('base64url');
    const isRepeatable = REPEATABLE.has(method) || routeOptions.config.isRepeatable === true;
    const beginning = await answers.begin({ tenant: principal.tenant, key: keyed.key, headHash, method, route: routeOptions.url ?? '', by: principal.name, isRepeatable });
    if (beginning.how === 'begun') keyed.stream = beginning.stream;
    else return again(request, reply, keyed, beginning);
  });
  api.addHook('onSend', async (request, reply, payload) => {
    await ended(answers, request, { status: reply.statusCode, contentType: headerOf(reply, 'content-type'), location: headerOf(reply, 'location'), text: textOf(request, payload) });
    return payload;
  });
  // Streams of events are not sent by way of the hook before.
  api.addHook('onResponse', (request, reply) => ended(answers, request, { status: reply.statusCode, text: undefined }));
}

/** Whether it came with a key: whoever has one comes back for the answer, and nothing is cut short because he has gone. */
export function isKeyed({ keyed }: FastifyRequest): boolean {
  return keyed !== undefined;
}

function keyOf({ method, headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  return WRITING.has(method) && key !== undefined ? String(key) : undefined;
}

/** The answer of the time before. Errors: `key_reused` where the body is another one. */
async function again({ body }: FastifyRequest, reply: FastifyReply, { key, body: hmac }: Keyed, { bodyHash, answer }: { readonly bodyHash: string; readonly answer: Answer }): Promise<FastifyReply> {
  // What comes as a stream is hashed as it is read.
  if (body instanceof Readable) for await (const _piece of body);
  if (hmac.digest('base64url') !== bodyHash) throw reused({ key });
  const { status, contentType, location, text } = answer;
  if (text === undefined) throw new GloveboxError('answer_not_kept', `the request with the key ${JSON.stringify(key)} was done; what it was answered with is told once`, { details: { status } });
  reply.code(status).header('idempotent-replayed', 'true');
  if (contentType !== undefined) reply.type(contentType);
  if (location !== undefined) reply.header('location', location);
  return reply.send(text === '' ? null : Buffer.from(text));
}

async function ended(answers: KeptAnswers, { keyed }: FastifyRequest, answer: Answer): Promise<void> {
  const stream = keyed?.stream;
  if (keyed === undefined || stream === undefined) return;
  keyed.stream = undefined;
  if (answer.status >= 500 || answer.status === 429 || answer.status === 499) await answers.released(stream, answer.status);
  else await answers.answered(stream, keyed.body.digest('base64url'), answer);
}

/** Undefined for what is not told again. */
function textOf({ routeOptions }: FastifyRequest, payload: unknown): string | undefined {
  if (routeOptions.config.isToldOnce === true) return undefined;
  if (payload === null || payload === undefined) return '';
  return typeof payload === 'string' ? payload : undefined;
}

function headerOf(reply: FastifyReply, name: string): string | undefined {
  const value = reply.getHeader(name);
  return typeof value === 'string' ? value : undefined;
}
