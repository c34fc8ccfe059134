import type { Message } from '../contracts/index.ts';
import { elidedOutput, elidedTurns, RULES_AGAIN } from './prompts.ts';

export interface ContextLimits {
  /** Estimated tokens of a request; above it the conversation is made smaller. */
  readonly tokens: number;
}

/** Of most models at least; those with more work better with less. */
export const DEFAULT_CONTEXT: ContextLimits = { tokens: 100_000 };

/** English and code have three to four characters a token: the estimate errs on the large side. */
const CHARS_A_TOKEN = 3;
/** Made smaller, it is so much smaller that the next turns fit, and the provider's cache of the beginning stays good for them. */
const SHRINK_TO = 0.5;
/** Results this short are not worth removing. */
const KEPT_CHARS = 200;
/** Messages at the end that are never touched. */
const RECENT_MESSAGES = 6;

/**
 * The conversation as it is sent. Where it grew beyond the limit, older tool results are replaced by a line each, and if that is not enough,
 * older turns go; the first message (the task) always stays and is said again after what was removed. The whole conversation is read each time,
 * in its order, so that the same beginning is always sent in the same way.
 */
export function fitContext(messages: readonly Message[], limits: ContextLimits): readonly Message[] {
  let sent: Message[] = [];
  let size = 0;
  for (const [index, message] of messages.entries()) {
    sent.push(message);
    size += chars(message);
    const next = messages[index + 1];
    const isAsked = message.role !== 'assistant' && (next === undefined || next.role === 'assistant');
    if (!isAsked || size <= limits.tokens * CHARS_A_TOKEN) continue;
    sent = [...shrink(sent, limits.tokens * CHARS_A_TOKEN * SHRINK_TO)];
    size = total(sent);
  }
  return sent;
}

function shrink(messages: readonly Message[], targetChars: number): readonly Message[] {
  const smaller = [...messages];
  const old = Math.max(1, messages.length - RECENT_MESSAGES);
  let size = total(smaller);
  for (const [at, message] of messages.entries()) {
    if (at === 0 || at >= old || message.role !== 'tools' || size <= targetChars) continue;
    const without = withoutOutputs(message);
    smaller[at] = without;
    size += chars(without) - chars(message);
  }
  const left = size > targetChars ? withoutTurns(smaller, old, targetChars) : smaller;
  const [task] = messages;
  const rules = task?.role === 'user' ? [{ role: 'user', text: `${RULES_AGAIN}\n\n${task.text}` } satisfies Message] : [];
  return [...left.filter((message) => !isRules(message)), ...rules];
}

function withoutOutputs(message: Message & { role: 'tools' }): Message {
  const outcomes = message.outcomes.map((outcome) => {
    if (outcome.text.length <= KEPT_CHARS) return outcome;
    const { data: _parts, ...rest } = outcome;
    return { ...rest, text: elidedOutput(Buffer.byteLength(outcome.text)) };
  });
  return { role: 'tools', outcomes };
}

/** A reply and its results go together: providers refuse the one without the other. */
function withoutTurns(messages: readonly Message[], old: number, targetChars: number): readonly Message[] {
  let from = 1;
  let turns = 0;
  while (from < old && total(messages.slice(from)) > targetChars) {
    from++;
    while (from < messages.length && messages[from]?.role === 'tools') from++;
    turns++;
  }
  return [...messages.slice(0, 1), { role: 'user', text: elidedTurns(turns) }, ...messages.slice(from)];
}

function isRules(message: Message): boolean {
  return message.role === 'user' && message.text.startsWith(RULES_AGAIN);
}

function total(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + chars(message), 0);
}

/** A message never changes: it is measured once. */
const measured = new WeakMap<Message, number>();

function chars(message: Message): number {
  const known = measured.get(message);
  if (known !== undefined) return known;
  const size = measure(message);
  measured.set(message, size);
  return size;
}

function measure(message: Message): number {
  switch (message.role) {
    case 'user':
      return message.text.length;
    case 'assistant':
      // The provider's own blocks, where there are any, are sent instead of text and calls.
      return Math.max(message.reply.text.length + length(message.reply.calls), length(message.reply.raw));
    case 'tools':
      return message.outcomes.reduce((sum, { text, data }) => sum + Math.max(text.length, length(data)), 0);
  }
}

function length(value: unknown): number {
  return value === undefined || value === null ? 0 : JSON.stringify(value).length;
}
