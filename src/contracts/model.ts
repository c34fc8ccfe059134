/** A tool as a model sees it. `native` lets an adapter offer the provider's own tool of that meaning instead. */
export interface ToolDescription {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** JSON Schema of the input. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly native?: 'shell' | 'edit' | 'patch';
}

export interface ToolCall {
  readonly id: string;
  /** Our tool's name, whatever the provider calls it. */
  readonly name: string;
  /** As the model wrote it; the tool's own schema judges it. */
  readonly input: unknown;
  /** The provider's own JSON could not be parsed: what it wrote. */
  readonly malformed?: string;
}

export type Message =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly reply: ModelReply }
  | { readonly role: 'tools'; readonly outcomes: readonly { callId: string; tool: string; ok: boolean; text: string; data?: unknown }[] };

export interface ModelRequest {
  readonly system: string;
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDescription[];
  readonly maxOutputTokens: number;
  readonly temperature?: number;
}

/**
 * Tokens of each class, as the provider billed them. The classes do not overlap (input is what was neither read from nor
 * written to a cache), but for reasoning, which is a part of output.
 */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
}

export interface ModelReply {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** `cut`: the answer hit `maxOutputTokens`. */
  readonly stop: 'done' | 'tools' | 'cut' | 'refused';
  readonly usage: Usage;
  /** Undefined where the price of the model is not known. */
  readonly usd?: number;
  /** The provider's own content blocks, sent back as they are in the next request (thinking, signatures, item ids). */
  readonly raw: unknown;
}

/** A model behind its provider. Errors: `model_key_missing`, `model_unknown`, `model_rejected`, `model_rate_limited`, `model_unavailable`, `model_malformed`. */
export interface Model {
  /** `anthropic`, `openai`, `openai-chat`, `transcript`. */
  readonly provider: string;
  readonly name: string;
  /** Where calls go, as in an address; absent where nothing leaves this machine. */
  readonly host?: string;
  /** Worst case in USD of a call, from an estimate of its input and the output limit; undefined where no price is known. */
  worstCase(request: ModelRequest): { readonly usd?: number; readonly tokens: number };
  complete(request: ModelRequest, options?: { signal?: AbortSignal; onText?: (delta: string) => void }): Promise<ModelReply>;
}

/** Opens a model from its string: `anthropic:<model>`, `openai:<model>`, `openai-chat:<model>`, `transcript:<file>`. */
export interface Models {
  open(name: string): Promise<Model>;
}
