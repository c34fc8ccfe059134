import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openServices } from '../../src/app.ts';
import { systemClock } from '../../src/contracts/index.ts';
import type { ServeOptions } from '../../src/cli/index.ts';
import { ApiKeys } from '../../src/server/index.ts';

/** Other tests may have the machine for so long. */
const BUSY_MACHINE_MS = 120_000;

/** A server of its own, with a state folder of its own; `key` is its administrator's. */
export async function serving(options: Partial<ServeOptions> = {}, env: Readonly<Record<string, string>> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'glovebox-serve-'));
  const services = await openServices({ env: { ...process.env, ...env, GLOVEBOX_HOME: home }, version: 'test' });
  const server = await services.serve({ host: '127.0.0.1', port: 0, mostLateMs: BUSY_MACHINE_MS, ...options });
  /** Leaves its state folder. */
  const end = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await services[Symbol.asyncDispose]();
  };
  const stop = async (): Promise<void> => {
    await end();
    rmSync(home, { recursive: true, force: true });
  };
  const key = server.firstKey ?? '';
  /** Somebody of another tenant. */
  const foreigner = async (tenant = 'acme', roles: readonly string[] = ['administrator']): Promise<Caller> => {
    const { journal, authority } = services;
    const keys = new ApiKeys({ journal, authority, clock: systemClock });
    const made = await keys.create({ name: 'theirs', tenant, roles }, authority.holding(tenant, 'user:them', ['administrator']));
    return new Caller(server.url, made.key);
  };
  return { url: server.url, key, home, services, end, stop, drain: (graceMs: number) => server.drain(graceMs), foreigner, as: (bearer: string = key) => new Caller(server.url, bearer) };
}

/** The same, until the test has finished. */
export async function servingHere(options: Partial<ServeOptions> = {}, env: Readonly<Record<string, string>> = {}) {
  const server = await serving(options, env);
  onTestFinished(server.stop);
  return server;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Whatever the server says: tests look at it by `toMatchObject`.
  readonly body: Record<string, unknown>;
}

/** Somebody with a key. */
export class Caller {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  raw(method: string, path: string, init: Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> } = {}): Promise<Response> {
    return fetch(`${this.#url}${path}`, { ...init, method, headers: { authorization: `Bearer ${this.#key}`, ...init.headers } });
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.raw(method, path, body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
  }

  /** A process sandbox. */
  async sandbox(more: object = {}): Promise<string> {
    const { status, body } = await this.call('POST', '/v1/sandboxes', { kind: 'process', policy: 'exec', ...more });
    if (status !== 201) throw new Error(JSON.stringify(body));
    return String(body['id']);
  }

  async command(sandbox: string, argv: readonly string[], more: object = {}): Promise<Answer['body']> {
    const { status, body } = await this.call('POST', `/v1/sandboxes/${sandbox}/commands`, { argv, ...more });
    if (status >= 300) throw new Error(JSON.stringify(body));
    return body;
  }
}

export interface SentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Server-sent events of an answer, until it ends or whoever reads leaves. */
export async function* eventsOf(response: Response): AsyncGenerator<SentEvent> {
  let text = '';
  if (response.body === null) return;
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
      const lines = new Map(text.slice(0, at).split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      text = text.slice(at + 2);
      const data = lines.get('data');
      if (data !== undefined) yield { id: lines.get('id') ?? '', event: lines.get('event') ?? '', data: JSON.parse(data) as SentEvent['data'] };
    }
  }
}
