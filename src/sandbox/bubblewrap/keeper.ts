import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { Transport } from '../transport.ts';
import { INIT_DESCRIPTOR } from './bubblewrap-arguments.ts';
import { launch } from './launch.ts';
import type { Launch } from './launch.ts';

/** The first word of a keeper's arguments after its own name; the socket's path is the second. */
export const KEEPER_FLAG = '--keeper';
/** Init's file as a program of the host's, by the descriptor that bubblewrap gets too: its path may be where the user cannot go. */
export const SELF = `/proc/self/fd/${INIT_DESCRIPTOR}`;
/** A keeper listens within milliseconds of its start; the caller's signal says when to give up. */
const DIAL_PAUSE_MS = 2;
const LOG_TAIL = 2_000;

/**
 * The small process that holds a sandbox's pipes while glovebox comes and goes. It ends with what it keeps, and by itself when nobody
 * has been attached for `ttlSeconds`.
 */
export class Keeper {
  readonly #socket: string;
  readonly #launch: Launch;
  #child: ChildProcess | undefined;
  #failure: Error | undefined;

  constructor(options: Omit<Launch, 'program'> & { readonly socket: string; readonly ttlSeconds: number; readonly program: readonly string[] }) {
    const { socket, ttlSeconds, program, ...rest } = options;
    this.#socket = socket;
    this.#launch = { ...rest, program: [SELF, KEEPER_FLAG, socket, String(ttlSeconds), '--', ...program] };
  }

  /** Attaches; the first call starts it. Errors: `sandbox_start_failed`, and `sandbox_lost` once it has ended. */
  async connect(signal: AbortSignal): Promise<Transport> {
    signal.throwIfAborted();
    const first = this.#child === undefined;
    this.#child ??= this.#start();
    for (;;) {
      if (this.#ended) throw this.#lost(first);
      try {
        return transportOf(await dial(this.#socket, signal));
      } catch (error) {
        signal.throwIfAborted();
        // Not listening yet, or not any more: whether it has ended will say which.
        if (!isNotListening(error)) throw error;
      }
      await sleep(DIAL_PAUSE_MS, undefined, { signal });
    }
  }

  /** The last of what it and bubblewrap said; empty when they had nothing to say. */
  complaints(): string {
    try {
      return readFileSync(this.#launch.log, 'utf8').slice(-LOG_TAIL).trim();
    } catch {
      return '';
    }
  }

  get #ended(): boolean {
    return this.#failure !== undefined || this.#child?.exitCode !== null || this.#child.signalCode !== null;
  }

  #start(): ChildProcess {
    const child = launch(this.#launch);
    child.on('error', (error) => (this.#failure = error));
    // It is to outlive us, so it must not keep us here either.
    child.unref();
    return child;
  }

  #lost(first: boolean): GloveboxError {
    const said = this.#failure === undefined ? this.complaints() : describeError(this.#failure);
    const what = first ? 'bubblewrap did not start' : 'the sandbox has ended';
    return new GloveboxError(first ? 'sandbox_start_failed' : 'sandbox_lost', said === '' ? what : `${what}: ${said}`);
  }
}

/** Attaches to a keeper that somebody else started. Errors: `sandbox_lost` when nobody listens there any more. */
export async function connectToKeeper(socket: string, signal: AbortSignal): Promise<Transport> {
  signal.throwIfAborted();
  try {
    return transportOf(await dial(socket, signal));
  } catch (error) {
    if (!isNotListening(error)) throw error;
    throw new GloveboxError('sandbox_lost', 'the sandbox has ended', { cause: error });
  }
}

function isNotListening(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The signal is let go of once connected: it is about attaching, not about being attached. */
function dial(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', abort);
      socket.off('connect', settle).off('error', settle);
      if (error === undefined) resolve(socket);
      else reject(error);
    };
    const abort = (): void => {
      settle(signal.reason);
      socket.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', settle).once('error', settle);
  });
}

function transportOf(socket: Socket): Transport {
  return { output: socket, input: socket, close: () => socket.destroy() };
}
