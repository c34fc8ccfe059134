import type { Clock, EgressRequest, EventData } from '../../contracts/index.ts';
import type { Canaries } from '../canaries/canaries.ts';
import type { Provided, SessionCredentials } from '../credentials/session-credentials.ts';
import type { SessionRegistries } from '../registries/session-registries.ts';
import type { RegistryCache } from '../registry-cache/registry-cache.ts';
import { answer } from './answers.ts';
import { type Asked, readRequest } from './asked.ts';
import type { Budget } from './budget.ts';
import { type Chronicle, UNWRITABLE } from './chronicle.ts';
import type { Clearance } from './clearance.ts';
import type { EgressDeadlines } from './deadline.ts';
import { forward, type Outcome, SAFE, type Upgraded } from './forward.ts';
import { pairsOf, responseHeaders } from './headers.ts';
import type { Arrived } from './program-connection.ts';
import { expectsContinue } from './request-head.ts';
import { EgressRefusal, UpstreamFailure } from './refusal.ts';
import { guardOf, refuseCanary, webSocketGuardOf } from './refuse-canary.ts';
import { splice } from './splice.ts';
import type { Place } from './upstreams.ts';

export interface ExchangeOptions {
  readonly canaries: Canaries;
  readonly clearance: Clearance;
  readonly credentials: SessionCredentials;
  readonly registries: SessionRegistries;
  readonly chronicle: Chronicle;
  readonly budget: Budget;
  readonly deadlines: EgressDeadlines;
  readonly clock: Clock;
  /** Undefined where nothing is kept. */
  readonly cache: RegistryCache | undefined;
  /** Nobody could decide: egress is over. */
  readonly undecided: (error: unknown) => void;
}

/** A request that may leave. */
interface Allowed {
  readonly asked: Asked;
  readonly place: Place;
  readonly provided: Provided;
  readonly begun: Pick<EventData['egress.ended'], 'request'>;
  readonly beganMs: number;
}

/** What is compressed cannot be looked through. */
const EXTENSIONS = 'sec-websocket-extensions';

/** One HTTP request after the other, each from its first question to its last byte. */
export class Exchanges {
  readonly #options: ExchangeOptions;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async serve(arrived: Arrived): Promise<void> {
    const { request, answer: program, origin } = arrived;
    const gone = new AbortController();
    program.whenGone(() => gone.abort());
    const { canaries } = this.#options;
    const beganMs = this.#options.clock.now();
    let asked: Asked | undefined;
    let place: Place | undefined;
    let provided: Provided | undefined;
    let begun: Pick<EventData['egress.ended'], 'request'> = {};
    try {
      if (origin?.refused !== undefined) throw origin.refused;
      this.#options.budget.request();
      const read = readRequest(request, arrived.body !== undefined, origin);
      const isAwaited = expectsContinue(request);
      asked = { ...read, ...this.#options.registries.see(read) };
      refuseCanary(canaries, read.path, ...request.rawHeaders);
      const lending = this.#options.credentials.lend({ path: read.path, headers: pairsOf(request.rawHeaders) }, asked);
      place = await this.#options.clearance.clear(question(asked), lending.requests, gone.signal);
      const lent = lending.provide(gone.signal);
      provided = lent instanceof Promise ? await lent : lent;
      if (isConsequential(asked, provided)) begun = { request: await this.#options.chronicle.started(beginning(asked, provided)) };
      if (isAwaited) program.goOn();
      await this.#pass(arrived, { asked, place, provided, begun, beganMs });
    } catch (error) {
      if (error instanceof EgressRefusal) {
        this.#options.chronicle.refused(origin?.via ?? 'proxy', asked ?? origin, error);
        if (asked !== undefined && begun.request !== undefined) this.#options.chronicle.ended({ ...ending(asked, place, failed(error), this.#options.clock.now() - beganMs), ...begun });
        refuse(arrived, error);
      } else if (error instanceof UpstreamFailure && asked !== undefined) {
        this.#options.chronicle.ended({ ...ending(asked, place, failed(error), this.#options.clock.now() - beganMs), ...begun });
        answer(program, error.status, error.message);
      } else if (!gone.signal.aborted) {
        answer(program, UNWRITABLE.status, UNWRITABLE.message);
        this.#options.undecided(error);
      }
    }
  }

  /** It was allowed: there and back, and how it went is written down. */
  async #pass(arrived: Arrived, { asked, place, provided, begun, beganMs }: Allowed): Promise<void> {
    const { canaries, cache, budget, chronicle, clock } = this.#options;
    const caching = cache?.for(asked, provided);
    const cached = await caching?.answer();
    const guard = canaries.areThere && asked.hasBody ? guardOf(canaries) : undefined;
    const asWritten = canaries.areThere && asked.isWebSocket ? { ...provided, headers: provided.headers.filter(([name]) => name.toLowerCase() !== EXTENSIONS) } : provided;
    const went = await forward({ asked, provided: asWritten, guard, body: arrived.body, answer: arrived.answer, place, budget, cached, keeping: caching?.keeping });
    const outcome = 'socket' in went ? await this.#converse(arrived, asked, went) : went;
    const by = cached === undefined ? {} : ({ cached: true } as const);
    chronicle.ended({ ...ending(asked, cached === undefined ? place : undefined, outcome, clock.now() - beganMs), ...named(provided), ...begun, ...by });
  }

  /** Two sides that speak WebSocket, until one of them has enough. */
  async #converse({ upgrade: stream, origin }: Arrived, asked: Asked, { headers, socket }: Upgraded): Promise<Outcome> {
    const { budget, deadlines, canaries, chronicle } = this.#options;
    if (stream === undefined) {
      socket.destroy();
      throw new UpstreamFailure('answer_broken', 'the other side');
    }
    stream.write(switching(headers));
    const guard = canaries.areThere ? webSocketGuardOf(canaries, (refusal) => chronicle.refused(origin?.via ?? 'proxy', asked, refusal)) : undefined;
    const { sentBytes, receivedBytes, failure } = await splice(stream, socket, { budget, idleMs: deadlines.idleMs, guard });
    return { status: 101, sentBytes, receivedBytes, ...(failure === undefined ? {} : { failure }) };
  }
}

/** Where it is in doubt what a request was, so is where the next one begins. */
function refuse({ answer: program }: Arrived, { code, status, message }: EgressRefusal): void {
  const isUnclear = code === 'request_invalid' || code === 'hosts_disagree';
  answer(program, status, message, { close: isUnclear });
}

function question({ scheme, host, port, method, path, registries, isWebSocket }: Asked): Extract<EgressRequest, { action: 'network.connect' }> {
  const asScheme = !isWebSocket ? scheme : scheme === 'https' ? 'wss' : 'ws';
  return { action: 'network.connect', scheme: asScheme, host, port, method, path, ...(registries.length === 0 ? {} : { registries }) };
}

function ending(asked: Asked, place: Place | undefined, outcome: Outcome, wallMs: number): EventData['egress.ended'] {
  const { scheme, host, port, method } = question(asked);
  const address = place?.address;
  return { scheme, host, port, ...(method === undefined ? {} : { method }), path: asked.path.replace(/\?.*$/s, ''), ...(address === undefined ? {} : { address }), ...outcome, wallMs };
}

function failed({ status, code }: EgressRefusal | UpstreamFailure): Outcome {
  return { status, sentBytes: 0, receivedBytes: 0, failure: code };
}

/** It changes something over there, in somebody's name. What stands in its body is known when it has gone by. */
function isConsequential({ method, isWebSocket }: Asked, { credentials, body }: Provided): boolean {
  return !SAFE.has(method) && !isWebSocket && (credentials.length > 0 || body.length > 0);
}

function beginning({ scheme, host, port, method, path }: Asked, { credentials }: Provided): Omit<EventData['egress.started'], 'request'> {
  return { scheme, host, port, method, path: path.replace(/\?.*$/s, ''), credentials };
}

function named({ credentials }: Provided): Pick<EventData['egress.ended'], 'credentials'> {
  return credentials.length === 0 ? {} : { credentials };
}

function switching(headers: readonly string[]): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket'];
  const kept = responseHeaders(headers);
  for (let i = 0; i < kept.length; i += 2) lines.push(`${kept[i]}: ${kept[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

