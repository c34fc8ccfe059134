import type { Place } from './place.ts';
import type { Services } from './services.ts';

/** What a command does once services and a signal are there; it gives the exit code. */
type Action<From> = (from: From, signal: AbortSignal) => Promise<number>;

export interface Run {
  /** On this machine alone. Errors: `usage` where a server was named. */
  (action: Action<Services>): Promise<void>;
  /** Here, or at the server that was named. */
  anywhere(action: Action<Place>): Promise<void>;
}
