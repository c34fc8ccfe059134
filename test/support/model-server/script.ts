/** What the stand-in server is to answer, said in glovebox's own words and written by each protocol's file in that protocol's. */
export type ScriptedReply =
  | ScriptedAnswer
  /** A refusal, before any stream begins. */
  | { readonly status: number; readonly code?: string; readonly message?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is cut: `before` any answer, after the answer has `begun` without content, or in the `middle` of its content. */
  | { readonly breaks: 'before' | 'begun' | 'middle'; readonly answer?: ScriptedAnswer }
  /** Nothing more comes, and the connection stays open. */
  | { readonly hangs: 'before' | 'begun' | 'middle'; readonly answer?: ScriptedAnswer }
  /** The stream is ended in good order, in the middle of its content. */
  | { readonly endsEarly: ScriptedAnswer }
  /** The provider reports a failure inside of its stream. */
  | { readonly failsInside: { readonly code: string; readonly message: string }; readonly answer?: ScriptedAnswer }
  /** A server that was asked to stream, and does not. */
  | { readonly unstreamed: ScriptedAnswer }
  /** Bytes as they are. */
  | { readonly contentType: string; readonly body: string };

export interface ScriptedAnswer {
  readonly text?: string;
  readonly thinking?: string;
  readonly calls?: readonly ScriptedCall[];
  readonly stop?: 'cut' | 'refused' | 'paused';
  /** `none`: the server does not say. */
  readonly usage?: ScriptedUsage | 'none';
}

export interface ScriptedCall {
  readonly id?: string;
  /** Our tool's name. `shell`, `edit` and `apply_patch` become the provider's own where it has them. */
  readonly name: string;
  readonly input?: Readonly<Record<string, unknown>>;
  /** Written in the place of the input's JSON. */
  readonly json?: string;
}

export interface ScriptedUsage {
  /** Not from the cache, nor written to it. */
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly cacheWriteHour?: number;
  readonly reasoning?: number;
  /** Tokens of side calls that the top-level counters leave out (Anthropic's compaction). */
  readonly besides?: { readonly input: number; readonly output: number };
}

/** One protocol: an answer as the frames of a stream, as one document, and an error's body. */
export interface Protocol {
  /** Frames of server-sent events. `contentAt`: the first of them that carries content. */
  stream(answer: ScriptedAnswer, request: RecordedRequest): { readonly frames: readonly string[]; readonly contentAt: number };
  whole(answer: ScriptedAnswer, request: RecordedRequest): unknown;
  error(status: number, code: string | undefined, message: string): unknown;
  /** The frame with which a stream reports a failure. */
  failureFrame(code: string, message: string): string;
}

export interface RecordedRequest {
  /** From 1. */
  readonly number: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- what was sent is looked into by tests, at any depth
  readonly body: any;
}

export function callId(call: ScriptedCall, request: RecordedRequest, index: number, prefix: string): string {
  return call.id ?? `${prefix}_${request.number}_${index + 1}`;
}

export function callJson(call: ScriptedCall): string {
  return call.json ?? JSON.stringify(call.input ?? {});
}

/** In two, so that whoever reads a stream has to join. */
export function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((part) => part !== '');
}

export function frame(event: string | undefined, data: unknown): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
