import type { RequestTrace } from '../../contracts/index.ts';

/** Something that took a time, as it is sent when it is over. Names and attributes are those of OpenTelemetry's semantic conventions where they have any, GenAI's for agents, models and tools. */
export interface Span extends RequestTrace {
  readonly name: string;
  readonly kind: 'internal' | 'client' | 'server';
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** `error.type`: why it failed, where it did. */
  readonly error?: string | undefined;
}

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
