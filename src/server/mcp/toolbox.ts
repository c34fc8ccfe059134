import { type CallToolResult, CLIENT_CAPABILITIES_META_KEY, type ClientCapabilities, type McpServer, type ServerContext, type ToolAnnotations } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import { describeError, GloveboxError, type Redactor } from '../../contracts/index.ts';
import type { Call } from './call.ts';
import type { Workplace } from './workplace.ts';

/** What a model is told. */
export interface Told {
  readonly text: string;
  readonly failed?: boolean;
  /** Where there is more to read. */
  readonly links?: readonly { readonly uri: string; readonly name: string }[];
}

export interface ToolShape<Input extends z.ZodObject> {
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly annotations?: ToolAnnotations;
}

/** Adds tools to a server: calls that may take several exchanges, whose refusals are the model's to read as any other result. */
export class Toolbox {
  readonly workplace: Workplace;
  readonly #server: McpServer;
  readonly #redactor: Redactor;

  constructor(server: McpServer, workplace: Workplace, redactor: Redactor) {
    this.#server = server;
    this.workplace = workplace;
    this.#redactor = redactor;
  }

  add<Input extends z.ZodObject>(name: string, { title, description, input, annotations }: ToolShape<Input>, act: (input: z.output<Input>, call: Call) => Promise<Told>): void {
    const inputSchema: z.ZodObject = input;
    this.#server.registerTool(name, { title, description, inputSchema, ...(annotations === undefined ? {} : { annotations }) }, (given, context) =>
      // The server has parsed it by the same schema.
      this.workplace.calls.exchange(context, this.#mayAsk(context), (call) => this.#told(() => act(given as z.output<Input>, call))),
    );
  }

  /** A client has a way to a person where it says so: in each request, or once in the handshake that came before. */
  #mayAsk({ mcpReq: { envelope } }: ServerContext): boolean {
    const declared: { readonly [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities } = envelope ?? {};
    const { elicitation } = declared[CLIENT_CAPABILITIES_META_KEY] ?? this.#server.server.getClientCapabilities() ?? {};
    return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
  }

  async #told(act: () => Promise<Told>): Promise<CallToolResult> {
    try {
      const { text, failed = false, links = [] } = await act();
      return { content: [{ type: 'text', text }, ...links.map((link) => ({ type: 'resource_link' as const, ...link }))], ...(failed ? { isError: true } : {}) };
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error;
      return { content: [{ type: 'text', text: await this.#redactor.all(`${error.code}: ${describeError(error)}`) }], isError: true };
    }
  }
}
