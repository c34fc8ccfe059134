import type { z } from 'zod';
import type { ToolDescription, ToolOutcome } from '../contracts/index.ts';
import type { GovernedSandbox, Session } from '../session/index.ts';

/** What a tool works with. */
export interface ToolContext {
  readonly session: Session;
  readonly sandbox: GovernedSandbox;
  readonly signal: AbortSignal;
}

/** What a tool came to; the registry adds whose call it was. */
export interface ToolResult extends Pick<ToolOutcome, 'ok' | 'text' | 'data'> {
  /** The model says that it is done, in these words. */
  readonly submitted?: string;
}

type Condition = string | undefined | Promise<string | undefined>;

/** One thing that a model can do. */
export interface Tool<Input> {
  readonly name: string;
  /** Changes when the meaning of a call or of its answer does. */
  readonly version: string;
  readonly description: string;
  /** Judges what the model wrote. Its input side is an object at the top, since providers take no other JSON Schema. */
  readonly input: z.ZodType<Input>;
  readonly native?: NonNullable<ToolDescription['native']>;
  /** A program of the tool `run_js` may call it, as `tools.<name>(input)`. */
  readonly isForPrograms?: boolean;
  /** What must hold before policy is asked and anything is done: undefined where it does, else what the model has to do differently. */
  before?(input: Input, context: ToolContext): Condition;
  /** What must hold when it has run and said that it succeeded. */
  after?(input: Input, result: ToolResult, context: ToolContext): Condition;
  /** A failure that the model can do something about is a result; only what ends the run is thrown. */
  run(input: Input, context: ToolContext): Promise<ToolResult>;
}
