import type { Message, ModelRequest, Usage } from '../contracts/index.ts';

/**
 * UTF-8 bytes a token, for bounds from above. English and code have about 4, hashes and base64 a little over 2, and what is
 * denser (Chinese, Japanese) has 3 bytes a character.
 */
const BYTES_PER_TOKEN = 2;
/** What providers add unseen: instructions for tool use, and the descriptions of their own tools. */
const REQUEST_OVERHEAD_TOKENS = 1500;
const MESSAGE_OVERHEAD_TOKENS = 16;

/**
 * Input tokens that a request has at most, in practice. The provider's own count of the last answer says exactly what
 * everything up to it came to, so only what follows it is estimated.
 */
export function inputTokensAtMost(request: ModelRequest): number {
  const fixed = tokensAtMost(request.system) + tokensAtMost(JSON.stringify(request.tools)) + REQUEST_OVERHEAD_TOKENS;
  const whole = fixed + sum(request.messages.map(messageTokensAtMost));
  const last = request.messages.findLastIndex((message) => message.role === 'assistant' && totalTokens(message.reply.usage) > 0);
  const anchor = request.messages[last];
  if (anchor?.role !== 'assistant') return whole;
  const since = sum(request.messages.slice(last + 1).map(messageTokensAtMost));
  return Math.min(whole, totalTokens(anchor.reply.usage) + since + MESSAGE_OVERHEAD_TOKENS);
}

/** All tokens of a call. Reasoning is a part of output. */
function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens + usage.outputTokens;
}

/** For servers that do not say what they used: characters by the usual 4 a token. An estimate, not a bound. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

function messageTokensAtMost(message: Message): number {
  return MESSAGE_OVERHEAD_TOKENS + contentTokensAtMost(message);
}

function contentTokensAtMost(message: Message): number {
  switch (message.role) {
    case 'user':
      return tokensAtMost(message.text);
    case 'tools':
      // `data` holds the same output again, in the parts that one provider's tool wants.
      return sum(message.outcomes.map((outcome) => Math.max(tokensAtMost(outcome.text), tokensAtMost(JSON.stringify(outcome.data ?? '')))));
    case 'assistant':
      return Math.max(message.reply.usage.outputTokens, tokensAtMost(message.reply.text + JSON.stringify(message.reply.calls)));
  }
}

function tokensAtMost(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
