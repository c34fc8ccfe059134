import { GloveboxError, type Message, type Model, type ModelReply, type ModelRequest } from '../../contracts/index.ts';
import type { Transcript, TranscriptReply } from './transcript-file.ts';

const NO_USAGE = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };

/**
 * Plays answers that a person wrote, in order. Which one is next depends on the request alone, by how many answers it has
 * already, so that a run that is resumed goes on where it stopped.
 */
export class TranscriptModel implements Model {
  readonly provider = 'transcript';
  /** The file as it was named, so that the same model can be opened again. */
  readonly name: string;
  readonly #transcript: Transcript;

  constructor(name: string, transcript: Transcript) {
    this.name = name;
    this.#transcript = transcript;
  }

  /** Nobody is asked, so nothing is used. */
  worstCase(): { readonly usd: number; readonly tokens: number } {
    return { usd: 0, tokens: 0 };
  }

  /** Errors: `transcript_invalid` when it has no more replies, or when what happened is not what it expects. */
  async complete(request: ModelRequest, options: { signal?: AbortSignal; onText?: (delta: string) => void } = {}): Promise<ModelReply> {
    await Promise.resolve();
    if (options.signal?.aborted === true) throw new GloveboxError('cancelled', 'The model call was cancelled.');
    const { replies, model } = this.#transcript;
    const position = request.messages.filter((message) => message.role === 'assistant').length;
    const reply = replies[position];
    if (reply === undefined) {
      const message = `The transcript ${this.name} has ${replies.length} replies, and reply ${position + 1} was asked for: it does not fit this task.`;
      throw new GloveboxError('transcript_invalid', message, { details: { file: this.name, reply: position + 1 } });
    }
    this.#check(reply, position, request.messages);
    if (reply.text !== '') options.onText?.(reply.text);
    return {
      text: reply.text,
      calls: reply.calls.map(({ name, input }, index) => ({ id: `call_${position + 1}_${index + 1}`, name, input })),
      stop: reply.calls.length > 0 ? 'tools' : 'done',
      usage: NO_USAGE,
      usd: 0,
      raw: { of: 'transcript', model, reply: position + 1, writtenByHand: true },
    };
  }

  #check(reply: TranscriptReply, position: number, messages: readonly Message[]): void {
    const { outcome, message, ok } = reply.expect ?? {};
    const outcomes = messages.findLast((each) => each.role === 'tools')?.outcomes ?? [];
    const said = outcomes.map((each) => each.text).join('\n');
    const asked = messages.findLast((each) => each.role === 'user')?.text ?? '';
    if (outcome !== undefined && !outcome.test(said)) throw this.#mismatch(position, 'the last tool outcome', `to match ${outcome}`, said);
    if (message !== undefined && !message.test(asked)) throw this.#mismatch(position, 'the last message', `to match ${message}`, asked);
    if (ok !== undefined && outcomes.every((each) => each.ok) !== ok) {
      throw this.#mismatch(position, 'the last tool outcome', ok ? 'to be good' : 'to be a failure', said);
    }
  }

  #mismatch(position: number, what: string, expected: string, found: string): GloveboxError {
    const shown = found.length > 2000 ? `${found.slice(0, 1000)}\n… ${found.length - 2000} characters …\n${found.slice(-1000)}` : found;
    const lines = shown === '' ? '  (nothing)' : shown.split('\n').map((line) => `  ${line}`).join('\n');
    const text = `The transcript ${this.name} no longer fits: reply ${position + 1} expects ${what}\n- ${expected}\n+ but it was:\n${lines}`;
    return new GloveboxError('transcript_invalid', text, { details: { file: this.name, reply: position + 1 } });
  }
}
