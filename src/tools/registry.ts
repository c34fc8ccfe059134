import { z } from 'zod';
import { type ErrorCode, GloveboxError, type ToolCall, type ToolDescription, type ToolOutcome } from '../contracts/index.ts';
import type { Tool, ToolContext, ToolResult } from './tool.ts';

export interface CalledTool {
  readonly outcome: ToolOutcome;
  /** The model said that it is done. */
  readonly submitted?: string;
}

/** A tool whose input type only it knows. */
interface Registered {
  readonly description: ToolDescription;
  call(input: unknown, context: ToolContext): Promise<ToolResult>;
}

/** Errors that the model is told about; all others end the run's present go. */
const TOLD: ReadonlySet<ErrorCode> = new Set(['denied', 'file_failed', 'sandbox_lost', 'wire_violation', 'deadline', 'archive_hostile', 'patch_conflict']);

/** How much of what the model wrote is quoted back to it. */
const QUOTE_CHARS = 400;

/** The tools of an agent. Every call has an outcome. */
export class ToolRegistry {
  readonly #tools = new Map<string, Registered>();

  /** Errors: `internal` for a name that is taken. */
  add<Input>(tool: Tool<Input>): this {
    if (this.#tools.has(tool.name)) throw new GloveboxError('internal', `two tools are called ${tool.name}`);
    this.#tools.set(tool.name, register(tool));
    return this;
  }

  descriptions(): readonly ToolDescription[] {
    return [...this.#tools.values()].map(({ description }) => description);
  }

  /** Name to version, for the journal. */
  versions(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#tools].map(([name, { description }]) => [name, description.version]));
  }

  /** Judges the call, asks policy whether the tool may be called at all, and runs it. Throws only what ends the run's present go. */
  async call(call: ToolCall, context: ToolContext): Promise<CalledTool> {
    const { submitted, ...result } = await this.#result(call, context);
    const outcome = { callId: call.id, tool: call.name, ...result };
    return submitted === undefined ? { outcome } : { outcome, submitted };
  }

  async #result(call: ToolCall, context: ToolContext): Promise<ToolResult> {
    const tool = this.#tools.get(call.name);
    if (tool === undefined) {
      return failed(`There is no tool called ${JSON.stringify(call.name)}. These there are: ${[...this.#tools.keys()].join(', ')}.`);
    }
    if (call.malformed !== undefined) {
      return failed(
        `The arguments of ${call.name} were not valid JSON, so nothing was run. You wrote: ${quote(call.malformed)}\nWrite one JSON object that fits: ${schemaText(tool.description)}`,
      );
    }
    try {
      await context.session.allowTool(tool.description.name, tool.description.version);
      return await tool.call(call.input, context);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof GloveboxError && TOLD.has(error.code)) return failed(error.message);
      throw error;
    }
  }
}

function register<Input>(tool: Tool<Input>): Registered {
  // `$schema` says which JSON Schema it is; some providers refuse the key.
  const { $schema: _dialect, ...input } = z.toJSONSchema(tool.input, { io: 'input' });
  const { name, version, description, native } = tool;
  const described: ToolDescription = { name, version, description, input, ...(native === undefined ? {} : { native }) };
  return {
    description: described,
    async call(given, context) {
      const parsed = tool.input.safeParse(given);
      if (parsed.success) return tool.run(parsed.data, context);
      return failed(`The arguments of ${name} do not fit, so nothing was run.\n${z.prettifyError(parsed.error)}\nExpected: ${schemaText(described)}`);
    },
  };
}

function failed(text: string): ToolResult {
  return { ok: false, text };
}

function schemaText(description: ToolDescription): string {
  return JSON.stringify(description.input);
}

function quote(text: string): string {
  return text.length <= QUOTE_CHARS ? text : `${text.slice(0, QUOTE_CHARS)}… (${text.length - QUOTE_CHARS} characters more)`;
}
