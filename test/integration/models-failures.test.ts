import { describe, expect, test } from 'vitest';
import { GloveboxError } from '../../src/contracts/index.ts';
import { ModelsByName } from '../../src/models/index.ts';
import { ModelServer } from '../support/model-server/model-server.ts';
import { SessionRig } from '../support/session.ts';
import { modelAt, requestOf, task } from '../support/model-server/conversation.ts';

const request = requestOf(task);
const answer = { text: 'A long answer, in several pieces.' };

async function errorOf(promise: Promise<unknown>): Promise<GloveboxError> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof GloveboxError) return error;
  throw error;
}

describe.each(['anthropic:claude-sonnet-5', 'openai:gpt-5.5', 'openai-chat:any'])('failures of %s', (name) => {
  test('a key that is not accepted is named by its variable, never by its value', async () => {
    await using server = await ModelServer.start({ status: 401, message: 'Incorrect API key provided: sk-stand*****key.' });
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error.code).toBe('model_key_missing');
    expect(error.message).toMatch(/(ANTHROPIC|OPENAI)_API_KEY/);
    expect(server.requests).toHaveLength(1);
  });

  test('a call goes to the host that policy lets it go to, and to no other that is named there', async () => {
    await using elsewhere = await ModelServer.start(answer);
    await using server = await ModelServer.start({ status: 307, headers: { location: elsewhere.env['OPENAI_BASE_URL'] ?? '' } }, answer);
    const model = await modelAt(server, name, { timing: { attempts: 1 } });
    expect((await errorOf(model.complete(request))).code).toBe('model_unavailable');
    expect([model.host, server.requests.length, elsewhere.requests.length]).toEqual(['127.0.0.1', 1, 0]);
    await using rig = new SessionRig([]);
    const session = await rig.open('models: { hosts: ["*.eu.test"] }');
    await expect(session.callModel(model, request)).rejects.toMatchObject({ code: 'denied', message: expect.stringContaining('127.0.0.1 fits none of the list') });
    expect(server.requests).toHaveLength(1);
    await (await rig.open('models: { hosts: ["*.eu.test", "127.0.0.1"] }')).callModel(model, request);
    expect(server.requests).toHaveLength(2);
  });

  test('a local server that wants a key after all says so', async () => {
    await using server = await ModelServer.start({ status: 401 });
    const { ANTHROPIC_BASE_URL, OPENAI_BASE_URL } = server.env;
    const error = await errorOf((await modelAt(server, name, { env: { ANTHROPIC_BASE_URL, OPENAI_BASE_URL } })).complete(request));
    expect(error.code).toBe('model_key_missing');
    expect(error.message).toContain('wants a key');
  });

  test('no error repeats the key, not even where the provider does', async () => {
    await using server = await ModelServer.start((asked) => ({ status: 403, message: `not for you, ${String(asked.headers['authorization'] ?? asked.headers['x-api-key'])}, sk-proj-stan****nkey` }));
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error.code).toBe('model_rejected');
    expect(JSON.stringify([error.message, error.details, String(error.cause), error.stack])).not.toMatch(/stand-in-key|stan\*/);
  });

  test('an unknown model says which, and where', async () => {
    await using server = await ModelServer.start({ status: 404, message: 'no such model' });
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error.code).toBe('model_unknown');
    expect(error.message).toContain(name.split(':')[1]);
    expect(error.message).toContain('_BASE_URL');
  });

  test('a rejected request carries the provider’s own words', async () => {
    await using server = await ModelServer.start({ status: 400, message: 'temperature must be at most 2' });
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error).toMatchObject({ code: 'model_rejected', details: { status: 400, attempts: 1 } });
    expect(error.message).toContain('temperature must be at most 2');
    expect(error.details).not.toHaveProperty('contextLength');
  });

  test.each([
    { status: 400, message: 'prompt is too long: 210000 tokens > 200000 maximum' },
    { status: 400, code: 'context_length_exceeded', message: 'Your input exceeds the context window of this model.' },
    { status: 400, message: 'the request exceeds the available context size, try increasing it' },
    { status: 413, message: 'Request exceeds the maximum size' },
  ])('a context that is too long is known as such: $message', async (reply) => {
    await using server = await ModelServer.start(reply);
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error).toMatchObject({ code: 'model_rejected', details: { contextLength: true } });
  });

  test('Retry-After is waited for, and then the call goes on', async () => {
    await using server = await ModelServer.start({ status: 429, headers: { 'retry-after': '7' } }, answer);
    const model = await modelAt(server, name);
    const reply = await model.complete(request);
    expect(reply.text).toBe(answer.text);
    expect(model.waits).toEqual([7000]);
  });

  test('a limit that stays is an error after four attempts, with the seconds to wait', async () => {
    const limited = { status: 429, message: 'slow down', headers: { 'retry-after': '2' } };
    await using server = await ModelServer.start(limited, limited, limited, limited);
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error).toMatchObject({ code: 'model_rate_limited', details: { retryAfterSeconds: 2, attempts: 4 } });
    expect(server.requests).toHaveLength(4);
  });

  test('a wait that is too long is left to the caller', async () => {
    await using server = await ModelServer.start({ status: 429, headers: { 'retry-after': '3600' } });
    const model = await modelAt(server, name);
    const error = await errorOf(model.complete(request));
    expect(error).toMatchObject({ code: 'model_rate_limited', details: { retryAfterSeconds: 3600, attempts: 1 } });
    expect(model.waits).toEqual([]);
  });

  test('an empty account is not asked again', async () => {
    await using server = await ModelServer.start({ status: 429, code: 'insufficient_quota', message: 'You exceeded your current quota' });
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error).toMatchObject({ code: 'model_rejected', details: { attempts: 1 } });
  });

  test('failures of the server are tried again, each time later', async () => {
    await using server = await ModelServer.start({ status: 500 }, { status: 529 }, { status: 503 }, answer);
    const model = await modelAt(server, name);
    expect((await model.complete(request)).text).toBe(answer.text);
    expect(model.waits).toEqual([500, 1000, 2000]);
  });

  test('a server that keeps failing is unavailable', async () => {
    await using server = await ModelServer.start({ status: 529 }, { status: 529 }, { status: 529 }, { status: 529, message: 'Overloaded' });
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error).toMatchObject({ code: 'model_unavailable', details: { status: 529, attempts: 4 } });
    expect(error.details).not.toHaveProperty('costUnknown');
  });

  test('attempts stop at the deadline of the whole call', async () => {
    await using server = await ModelServer.start({ status: 500 }, { status: 500 }, { status: 500 });
    let now = 0;
    const sleep = async (ms: number): Promise<void> => void (now += ms);
    const model = await modelAt(server, name, { clock: { now: () => now }, sleep, timing: { totalMs: 1200 } });
    const error = await errorOf(model.complete(request));
    expect(error).toMatchObject({ code: 'model_unavailable', details: { attempts: 2 } });
  });

  test.each(['before', 'begun'] as const)('a connection that breaks %s is not tried again: it may have been billed, and whoever keeps the books asks anew', async (breaks) => {
    await using server = await ModelServer.start({ breaks }, answer);
    const model = await modelAt(server, name);
    expect(await errorOf(model.complete(request))).toMatchObject({ code: 'model_unavailable', details: { costUnknown: true, mayRepeat: true, attempts: 1 } });
    expect(server.requests).toHaveLength(1);
    expect((await model.complete(request)).text).toBe(answer.text);
  });

  test('a place that was unavailable several calls in a row is left alone', async () => {
    await using server = await ModelServer.start({ breaks: 'before' }, { breaks: 'before' }, { breaks: 'before' }, answer);
    const model = await modelAt(server, name);
    for (let i = 0; i < 3; i++) await errorOf(model.complete(request));
    expect(await errorOf(model.complete(request))).toMatchObject({ code: 'model_unavailable', details: { attempts: 0, retryAfterSeconds: 30 } });
    expect(server.requests).toHaveLength(3);
  });

  test.each(['breaks', 'endsEarly', 'failsInside'])('an answer that %s in its middle is not asked for again: it may have been billed', async (how) => {
    const failsInside = { code: 'server_error', message: 'sorry' };
    const reply = how === 'breaks' ? { breaks: 'middle' as const, answer } : how === 'endsEarly' ? { endsEarly: { calls: [{ name: 'submit', input: { summary: 'x' } }] } } : { failsInside, answer };
    await using server = await ModelServer.start(reply, answer);
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error).toMatchObject({ code: 'model_unavailable', details: { costUnknown: true, attempts: 1 } });
    expect(server.requests).toHaveLength(1);
  });

  test.each(['before', 'begun', 'middle'] as const)('a server that hangs %s is given up on', async (hangs) => {
    await using server = await ModelServer.start(hangs === 'middle' ? { hangs, answer } : { hangs });
    const error = await errorOf((await modelAt(server, name, { timing: { silenceMs: 150 } })).complete(request));
    expect(error).toMatchObject({ code: 'model_unavailable', details: { costUnknown: true, attempts: 1, ...(hangs === 'middle' ? {} : { mayRepeat: true }) } });
    expect(error.message).toContain('nothing came');
  });

  test('a call that is cancelled in the middle of its answer ends at once', async () => {
    await using server = await ModelServer.start({ hangs: 'middle', answer });
    const abort = new AbortController();
    const hanging = server.hanging();
    const call = errorOf((await modelAt(server, name)).complete(request, { signal: abort.signal }));
    await hanging;
    abort.abort();
    expect(await call).toMatchObject({ code: 'cancelled', details: { costUnknown: true } });
    expect(server.requests).toHaveLength(1);
  });

  test('a call that is cancelled while it waits for another attempt ends at once', async () => {
    await using server = await ModelServer.start({ status: 500 });
    const abort = new AbortController();
    const sleep = async (_ms: number, signal?: AbortSignal): Promise<void> => {
      abort.abort();
      signal?.throwIfAborted();
    };
    const error = await errorOf((await modelAt(server, name, { sleep })).complete(request, { signal: abort.signal }));
    expect(error.code).toBe('cancelled');
    expect(server.requests).toHaveLength(1);
  });

  test('a call that was cancelled before is not made', async () => {
    await using server = await ModelServer.start(answer);
    const error = await errorOf((await modelAt(server, name)).complete(request, { signal: AbortSignal.abort() }));
    expect(error.code).toBe('cancelled');
    expect(server.requests).toEqual([]);
  });

  test('a stream that is not JSON is malformed', async () => {
    await using server = await ModelServer.start({ contentType: 'text/event-stream', body: 'event: message_start\ndata: {nonsense\n\n' });
    const error = await errorOf((await modelAt(server, name)).complete(request));
    expect(error.code).toBe('model_malformed');
  });

  test('a server that is not there is named', async () => {
    const server = await ModelServer.start();
    const { env } = server;
    await server[Symbol.asyncDispose]();
    const model = await new ModelsByName({ env, transcriptFolder: '/', sleep: async () => {} }).open(name);
    const error = await errorOf(model.complete(request));
    expect(error.code).toBe('model_unavailable');
    expect(error.message).toMatch(/ECONNREFUSED.*_BASE_URL/);
    expect(error.details).not.toHaveProperty('costUnknown');
  });

  test('a local server needs no key', async () => {
    await using server = await ModelServer.start(answer);
    const { ANTHROPIC_BASE_URL, OPENAI_BASE_URL } = server.env;
    const reply = await (await modelAt(server, name, { env: { ANTHROPIC_BASE_URL, OPENAI_BASE_URL } })).complete(request);
    expect(reply.text).toBe(answer.text);
  });
});
