// A stand-in for the providers' servers, for tests alone. Its answers are written by hand after the protocols that Anthropic
// (Messages) and OpenAI (Responses, Chat Completions) publish; no model has a part in them. The real SDKs talk to it over HTTP,
// so that what is tested is what is sent and how it is read, streams and failures included. It records every request.
// A script is a list of replies, played in order, whichever protocol asks; the same script serves every provider.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anthropicProtocol } from './anthropic-protocol.ts';
import { chatProtocol } from './chat-protocol.ts';
import { responsesProtocol } from './responses-protocol.ts';
import type { Protocol, RecordedRequest, ScriptedAnswer, ScriptedReply } from './script.ts';

export type { RecordedRequest, ScriptedAnswer, ScriptedCall, ScriptedReply, ScriptedUsage } from './script.ts';

/** A reply, or what makes one from the request. */
export type ScriptLine = ScriptedReply | ((request: RecordedRequest) => ScriptedReply | Promise<ScriptedReply>);

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  '/v1/messages': anthropicProtocol,
  '/v1/responses': responsesProtocol,
  '/v1/chat/completions': chatProtocol,
};

export class ModelServer implements AsyncDisposable {
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  readonly #script: ScriptLine[];
  readonly #waiting = new Set<() => void>();

  private constructor(script: readonly ScriptLine[]) {
    this.#script = [...script];
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    });
  }

  static async start(...script: ScriptLine[]): Promise<ModelServer> {
    const server = new ModelServer(script);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** The variables that point glovebox here. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    return { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'stand-in-key', OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: 'stand-in-key' };
  }

  add(...lines: ScriptLine[]): void {
    this.#script.push(...lines);
  }

  /** Resolves when a reply that hangs has sent what it had to send. */
  async hanging(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const path = incoming.url ?? '/';
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const request: RecordedRequest = { number: this.requests.length + 1, path, headers: incoming.headers, body };
    this.requests.push(request);
    const protocol = PROTOCOLS[path];
    if (protocol === undefined) return sendJson(response, 404, { error: { message: `no such path: ${path}` } });
    const line = this.#script.shift() ?? { status: 400, message: `the script of the stand-in server has no reply to request ${request.number}` };
    await this.#play(typeof line === 'function' ? await line(request) : line, protocol, request, response);
  }

  async #play(reply: ScriptedReply, protocol: Protocol, request: RecordedRequest, response: ServerResponse): Promise<void> {
    if ('status' in reply) {
      const message = reply.message ?? `scripted failure ${reply.status}`;
      return sendJson(response, reply.status, protocol.error(reply.status, reply.code, message), reply.headers);
    }
    if ('body' in reply) return void response.writeHead(200, { 'content-type': reply.contentType }).end(reply.body);
    if ('unstreamed' in reply) return sendJson(response, 200, protocol.whole(reply.unstreamed, request));
    if ('breaks' in reply) {
      await this.#partly(reply.breaks, reply.answer, protocol, request, response);
      return void response.destroy();
    }
    if ('hangs' in reply) {
      await this.#partly(reply.hangs, reply.answer, protocol, request, response);
      for (const resolve of this.#waiting) resolve();
      return;
    }
    if ('failsInside' in reply) {
      await this.#partly(reply.answer === undefined ? 'begun' : 'middle', reply.answer, protocol, request, response);
      return void response.end(protocol.failureFrame(reply.failsInside.code, reply.failsInside.message));
    }
    if ('endsEarly' in reply) {
      await this.#partly('middle', reply.endsEarly, protocol, request, response);
      return void response.end();
    }
    startStream(response).end(protocol.stream(reply, request).frames.join(''));
  }

  async #partly(how: 'before' | 'begun' | 'middle', answer: ScriptedAnswer | undefined, protocol: Protocol, request: RecordedRequest, response: ServerResponse): Promise<void> {
    if (how === 'before') return;
    const { frames, contentAt } = protocol.stream(answer ?? { text: 'the beginning of an answer' }, request);
    // Two frames of content: where a block is announced first, its first piece is in too.
    const part = frames.slice(0, how === 'begun' ? contentAt : contentAt + 2).join('');
    await new Promise((resolve) => startStream(response).write(part, resolve));
  }
}

function startStream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_stand_in', ...headers }).end(JSON.stringify(body));
}
