import { z } from 'zod';
import { GloveboxError, type OutputOffsets } from '../../contracts/index.ts';
import { type CommandRequest, CutText } from '../../session/index.ts';
import { answeredByEvents, binary, errorEvent, streamOf } from '../media.ts';
import { page } from '../pages.ts';
import { OUTPUT_BYTES, offsetsText, readOffsets } from '../sandboxes/output-log.ts';
import type { ServedCommand } from '../sandboxes/served-command.ts';
import type { ServedSandbox } from '../sandboxes/served-sandbox.ts';
import { command, commandBody, commandEnd, flag, lastEventId, newCommand, pageOf, pageQuery, signalName, waitMs } from '../shapes.ts';
import { defined } from '../defined.ts';
import { type ServerSentEvent, sendEvents } from '../sse.ts';
import { unfinishedBytes } from '../utf8.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const inSandbox = z.object({ id: z.string() });
const params = inSandbox.extend({ command: z.string() });
const tags = ['commands'];
const OCTETS = 'application/octet-stream';
const offset = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional();
/** What an answer holds of each channel; all of it is at `/output`. */
const ANSWER = { headBytes: 524_288, tailBytes: 524_288 };

const outputEvent = z
  .discriminatedUnion('event', [
    z.object({ event: z.enum(['stdout', 'stderr']), id: z.string(), data: z.object({ offset: z.int().describe('in bytes, of its channel'), data: z.string() }) }),
    z.object({ event: z.literal('end'), id: z.string(), data: commandEnd }),
    errorEvent,
  ])
  .meta({ id: 'OutputEvent' });

/** Commands: started, waited for, listened to, spoken to. */
export function commandRoutes(api: Api, parts: RouteParts): void {
  const { sandboxes, demand, ports } = parts;
  api.post('/sandboxes/:id/commands', { schema: { operationId: 'runCommand', tags, summary: 'Run a command', params: inSandbox, body: newCommand, response: { 200: command, 202: command } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    const { background } = request.body;
    const gone = clientGone(reply);
    const running = await served.exec(asRequest(request.body, served), ports.clock.now(), { isKept: background });
    if (request.body.stdin !== undefined) void feed(running, Buffer.from(request.body.stdin));
    if (background) return reply.code(202).header('location', `/v1/sandboxes/${served.id}/commands/${running.id}`).send(commandBody(served.id, running));
    // Nobody could ever ask for it: its id was never told.
    gone.addEventListener('abort', () => void served.forget(running), { once: true });
    return collected(served, running);
  });
  api.get('/sandboxes/:id/commands', { schema: { operationId: 'listCommands', tags, summary: 'What runs and what ran', params: inSandbox, querystring: pageQuery, response: { 200: pageOf(command) } } }, (request) => {
    demand(request.principal, 'read');
    const served = sandboxes.get(request.params.id, request.principal);
    const { items, ...more } = page(served.commands, request.query, (each) => each.id);
    return Promise.resolve({ items: items.map((each) => commandBody(served.id, each)), ...more });
  });
  api.get('/sandboxes/:id/commands/:command', { schema: { operationId: 'getCommand', tags, summary: 'How it is, or how it ended', params, querystring: z.object({ waitMs }), response: { 200: command } } }, async (request, reply) => {
    demand(request.principal, 'read');
    const served = sandboxes.get(request.params.id, request.principal);
    const running = served.command(request.params.command);
    const end = await running.within(request.query.waitMs, clientGone(reply));
    return end === undefined ? commandBody(served.id, running) : collected(served, running);
  });
  api.delete('/sandboxes/:id/commands/:command', { schema: { operationId: 'deleteCommand', tags, summary: 'End it where it runs, and forget it', params, response: { 204: z.null() } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const served = sandboxes.get(request.params.id, request.principal);
    await served.forget(served.command(request.params.command));
    return reply.code(204).send(null);
  });
  outputRoutes(api, parts);
  inputRoutes(api, parts);
}

function outputRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  api.get(
    '/sandboxes/:id/commands/:command/output',
    {
      schema: {
        operationId: 'streamCommandOutput',
        tags,
        summary: 'Its output as it comes, from any byte on: server-sent events `stdout`, `stderr` and, last, `end`',
        description: 'The id of an event is where to go on after it, `<stdout>-<stderr>` in bytes: what a client that lost its connection sends as Last-Event-ID. Data is text, or base64 with `encoding=base64`.',
        params,
        querystring: z.object({ stdout: offset, stderr: offset, encoding: z.enum(['utf8', 'base64']).default('utf8') }),
        headers: lastEventId,
        response: { 200: answeredByEvents(outputEvent, 'Its output, and how it ended') },
      },
    },
    (request, reply) => {
      demand(request.principal, 'read');
      const running = sandboxes.get(request.params.id, request.principal).command(request.params.command);
      const { stdout = 0, stderr = 0, encoding } = request.query;
      const last = request.headers['last-event-id'];
      const from = typeof last === 'string' && last !== '' ? readOffsets(last) : { stdout, stderr };
      if (from === undefined) throw new GloveboxError('usage', 'Last-Event-ID: expected <stdout>-<stderr>, as in the id of an event');
      return sendEvents(reply, (signal) => outputEvents(running, from, encoding, signal));
    },
  );
}

function inputRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  api.post(
    '/sandboxes/:id/commands/:command/stdin',
    { schema: { operationId: 'writeCommandInput', tags, summary: 'Write to it: the body, as it comes', params, querystring: z.object({ close: flag.describe('and nothing comes after it') }), consumes: [OCTETS], body: binary, response: { 204: z.null() } } },
    async (request, reply) => {
      demand(request.principal, 'start');
      const { running } = sandboxes.get(request.params.id, request.principal).command(request.params.command);
      for await (const bytes of streamOf(request.body, OCTETS)) await running.write(bytes);
      if (request.query.close) await running.closeStdin();
      return reply.code(204).send(null);
    },
  );
  api.post(
    '/sandboxes/:id/commands/:command/signal',
    { schema: { operationId: 'signalCommand', tags, summary: 'Signal it', params, body: z.strictObject({ signal: signalName, scope: z.enum(['process', 'tree']).default('process') }), response: { 204: z.null() } } },
    async (request, reply) => {
      demand(request.principal, 'start');
      sandboxes.get(request.params.id, request.principal).command(request.params.command).running.signal(request.body.signal, request.body.scope);
      return reply.code(204).send(null);
    },
  );
}

function asRequest({ argv, shell, cwd, env, stdin, openStdin, terminal, limits }: z.output<typeof newCommand>, served: ServedSandbox): CommandRequest {
  const granted = served.session.policy.grant.command.outputBytes ?? OUTPUT_BYTES;
  const { wallMs, cpuMs, outputBytes } = limits ?? {};
  return {
    argv: argv ?? ['sh', '-lc', shell ?? ''],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    stdin: openStdin || stdin !== undefined || terminal !== undefined ? 'pipe' : 'none',
    ...(terminal === undefined ? {} : { terminal: defined(terminal) }),
    limits: { ...(wallMs === undefined ? {} : { wallMs }), ...(cpuMs === undefined ? {} : { cpuMs }), outputBytes: Math.min(outputBytes ?? granted, granted) },
  };
}

async function feed({ running }: ServedCommand, bytes: Buffer): Promise<void> {
  try {
    await running.write(bytes);
    await running.closeStdin();
  } catch {
    // The command ended first: what nobody reads any more is not an error.
  }
}

/** The command with its end, and what an answer holds of its output. */
async function collected(served: ServedSandbox, running: ServedCommand): Promise<ReturnType<typeof commandBody>> {
  const texts = { stdout: new CutText(ANSWER), stderr: new CutText(ANSWER) };
  for await (const { channel, bytes } of running.output({})) texts[channel].add(bytes);
  await running.ended;
  return commandBody(served.id, running, { stdout: texts.stdout.text(), stderr: texts.stderr.text() });
}

async function* outputEvents(running: ServedCommand, from: Required<OutputOffsets>, encoding: 'utf8' | 'base64', signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
  const at = { ...from };
  const held = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  for await (const { channel, offset, bytes } of running.output(from, signal)) {
    const all = Buffer.concat([held[channel], bytes]);
    // Whoever goes on after this event begins with a whole character.
    const whole = encoding === 'base64' ? all.length : all.length - unfinishedBytes(all);
    const begin = offset - held[channel].length;
    held[channel] = all.subarray(whole);
    at[channel] = begin + whole;
    if (whole > 0) yield { event: channel, id: offsetsText(at), data: { offset: begin, data: all.toString(encoding, 0, whole) } };
  }
  if (signal.aborted) return;
  for (const channel of ['stdout', 'stderr'] as const) {
    const rest = held[channel];
    if (rest.length === 0) continue;
    const offset = at[channel];
    at[channel] += rest.length;
    yield { event: channel, id: offsetsText(at), data: { offset, data: rest.toString(encoding) } };
  }
  yield { event: 'end', id: offsetsText(at), data: await running.ended };
}
