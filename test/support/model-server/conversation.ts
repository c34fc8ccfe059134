import { ModelsByName, type ModelsOptions } from '../../../src/models/index.ts';
import type { Message, Model, ModelReply, ModelRequest, ToolDescription, ToolOutcome } from '../../../src/contracts/index.ts';
import type { ModelServer } from './model-server.ts';

const text = { type: 'string' };

/** The built-in tools, in short. */
export const tools: readonly ToolDescription[] = [
  { name: 'shell', version: '1', description: 'Runs a command.', input: { type: 'object', properties: { command: text, timeout_s: { type: 'number' } } }, native: 'shell' },
  { name: 'edit', version: '1', description: 'Edits a file.', input: { type: 'object', properties: { command: text, path: text } }, native: 'edit' },
  { name: 'apply_patch', version: '1', description: 'Applies a patch.', input: { type: 'object', properties: { operation: { type: 'object' } } }, native: 'patch' },
  {
    name: 'submit',
    version: '1',
    description: 'Ends the work.',
    input: { type: 'object', properties: { summary: text }, required: ['summary'], additionalProperties: false },
  },
];

export function requestOf(...messages: Message[]): ModelRequest {
  return { system: 'You fix code.', messages, tools, maxOutputTokens: 1000 };
}

export const task: Message = { role: 'user', text: 'Fix the bug.' };

/** The request that follows a reply: the same, the reply, and what came of its calls. */
export function next(request: ModelRequest, reply: ModelReply, ...outcomes: ToolOutcome[]): ModelRequest {
  const answers: Message[] = outcomes.length > 0 ? [{ role: 'tools', outcomes }] : [];
  // Through JSON, because in a run that is resumed the reply comes from the journal.
  const journalled = JSON.parse(JSON.stringify(reply)) as ModelReply;
  return { ...request, messages: [...request.messages, { role: 'assistant', reply: journalled }, ...answers] };
}

/** A model that talks to the stand-in server. Waits between attempts are noted, not waited for. */
export async function modelAt(server: ModelServer, name: string, options: Partial<ModelsOptions> = {}): Promise<Model & { readonly waits: readonly number[] }> {
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => void waits.push(ms);
  const model = await new ModelsByName({ env: server.env, transcriptFolder: '/', random: () => 0, sleep, ...options }).open(name);
  return Object.assign(model, { waits });
}
