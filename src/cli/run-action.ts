import type { Services } from './services.ts';

/** What a command does once services and a signal are there; it gives the exit code. */
type Action = (services: Services, signal: AbortSignal) => Promise<number>;
export type Run = (action: Action) => Promise<void>;
