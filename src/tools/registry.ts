import { z } from 'zod';
import { type ErrorCode, GloveboxError, type ToolCall, type ToolDescription, type ToolOutcome } from '../contracts/index.ts';
import type { ProgramTool } from '../session/index.ts';
import type { Tool, ToolContext, ToolResult } from './tool.ts';

export interface CalledTool {
  readonly outcome: ToolOutcome;
  /** The model said that it is done. */
  readonly submitted?: string;
}

/** A tool whose input type only it knows. */
interface Registered {
  readonly version: string;
  readonly description: ToolDescription;
  readonly input: z.ZodType;
  readonly isForPrograms: boolean;
  /** Runs it with what `input` made of what was written, once `allow` lets it. */
  run(input: unknown, context: ToolContext, allow: () => Promise<void>): Promise<ToolResult>;
}

/** Errors that the model is told about; all others end the run's present go. */
const TOLD: ReadonlySet<ErrorCode> = new Set(['denied', 'file_failed', 'sandbox_lost', 'wire_violation', 'deadline', 'archive_hostile', 'patch_conflict', 'kind_unavailable', 'admission_full', 'context_failed']);

/** How much of what the model wrote is quoted back to it. */
const QUOTE_CHARS = 400;
/** Far more than a model reads; tools cut what they show themselves. */
const MAX_TEXT_CHARS = 4 * 2 ** 20;

/** The tools of an agent. Every call has an outcome. */
export class ToolRegistry {
  readonly #tools = new Map<string, Registered>();

  /** Errors: `internal` for a name that is taken. */
  add<Input>(tool: Tool<Input>): this {
    if (this.#tools.has(tool.name)) throw new GloveboxError('internal', `two tools are called ${tool.name}`);
    this.#tools.set(tool.name, register(tool));
    return this;
  }

  /** Of those that `offers` says yes to. */
  descriptions(offers: (tool: string, version: string) => boolean = () => true): readonly ToolDescription[] {
    return [...this.#tools.values()].map(({ description }) => description).filter(({ name, version }) => offers(name, version));
  }

  /** Those that a program may call, each as a call of its own that policy is asked about. The program gets `{ ok, text, data }`, as the model would. */
  forPrograms(context: ToolContext): Readonly<Record<string, ProgramTool>> {
    const callable = [...this.#tools].filter(([, { isForPrograms }]) => isForPrograms);
    return Object.fromEntries(
      callable.map(([name, tool]) => [
        name,
        {
          version: tool.version,
          input: tool.input,
          // Whoever hands it to a program asks.
          call: (input, signal) => tool.run(input, { ...context, signal: AbortSignal.any([context.signal, signal]) }, () => Promise.resolve()),
        },
      ]),
    );
  }

  /** Name to version, for the journal. */
  versions(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#tools].map(([name, { version }]) => [name, version]));
  }

  /** Judges the call by the tool's schema and what it needs, asks policy whether the tool may be called at all, runs it, and judges what came of it. Throws only what ends the run's present go. */
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
      const { name, version } = tool.description;
      const parsed = tool.input.safeParse(call.input);
      if (!parsed.success) return failed(`The arguments of ${name} do not fit, so nothing was run.\n${z.prettifyError(parsed.error)}\nExpected: ${schemaText(tool.description)}`);
      return await tool.run(parsed.data, context, () => context.session.allowTool(name, version));
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof GloveboxError && TOLD.has(error.code)) return failed(error.message);
      throw error;
    }
  }
}

function register<Input>(tool: Tool<Input>): Registered {
  const { name } = tool;
  let described: ToolDescription | undefined;
  return {
    version: tool.version,
    // Made when a model is to read it: whoever lists runs has an agent, too, and no model.
    get description() {
      return (described ??= describe(tool));
    },
    input: tool.input,
    isForPrograms: tool.isForPrograms === true,
    async run(given, context, allow) {
      // It was judged by whoever calls.
      const input = given as Input;
      const hindrance = await tool.before?.(input, context);
      if (hindrance !== undefined) return failed(`Nothing was run: ${hindrance}`);
      await allow();
      const result = judged(name, await tool.run(input, context));
      const fault = result.ok ? await tool.after?.(input, result, context) : undefined;
      return fault === undefined ? result : failed(`${result.text}\nBut: ${fault}`);
    },
  };
}

function describe<Input>({ name, version, description, native, input }: Tool<Input>): ToolDescription {
  // `$schema` says which JSON Schema it is; some providers refuse the key.
  const { $schema: _dialect, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return { name, version, description, input: schema, ...(native === undefined ? {} : { native }) };
}

/** What a tool may answer. One that answers with something else has not told what it did. */
const toolResult = z.strictObject({
  ok: z.boolean(),
  text: z.string().max(MAX_TEXT_CHARS),
  data: z.json().optional(),
  submitted: z.string().max(MAX_TEXT_CHARS).optional(),
});

function judged(name: string, result: ToolResult): ToolResult {
  const parsed = toolResult.safeParse(result);
  if (parsed.success) return { ...result, text: result.text.toWellFormed() };
  return failed(`${name} ran, and its answer is none that can be passed on (${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}): look at what it did before you go on.`);
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
