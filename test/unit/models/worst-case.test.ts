import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock, type Message, type ModelReply } from '../../../src/contracts/index.ts';
import { Prices, vendorAt } from '../../../src/models/prices.ts';
import { requestOf, task } from '../../support/model-server/conversation.ts';

const prices = new Prices('anthropic', 'claude-sonnet-5', systemClock);
const million = 1_000_000;

function reply(inputTokens: number): Message {
  const usage = { inputTokens, outputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  const answer: ModelReply = { text: 'x', calls: [], stop: 'done', usage, raw: null };
  return { role: 'assistant', reply: answer };
}

test('the worst case is all input written to the cache and all output used', () => {
  const { usd, tokens } = prices.worstCase(requestOf(task));
  const input = tokens - 1000;
  expect(input).toBeGreaterThan(1500);
  expect(usd).toBeCloseTo((input * 2.5 + 1000 * 10) / million, 10);
});

test('a model without a price has a worst case in tokens alone', () => {
  const worst = new Prices('openai', 'no-such-model', systemClock).worstCase(requestOf(task));
  expect(worst).toEqual({ tokens: expect.any(Number) });
  expect(new Prices(undefined, 'gpt-5', systemClock).worstCase(requestOf(task))).not.toHaveProperty('usd');
});

test('a text of hashes, the densest that repositories have, does not exceed the bound', () => {
  const hashes = Array.from({ length: 200 }, (_, index) => `sha512-${Buffer.from(`${index}`.repeat(20)).toString('base64')}`).join('\n');
  // No tokenizer in use splits base64 finer than two characters a token on average.
  expect(prices.worstCase(requestOf({ role: 'user', text: hashes })).tokens).toBeGreaterThan(hashes.length / 2);
});

test('a long history costs what the provider last counted, and an estimate only of what followed', () => {
  const history: Message[] = [{ role: 'user', text: 'x'.repeat(400_000) }, reply(100_000), { role: 'user', text: 'Go on.' }];
  const { tokens } = prices.worstCase(requestOf(...history));
  expect(tokens).toBeGreaterThan(101_000);
  expect(tokens).toBeLessThan(102_000);
});

test('a count from before the history was shortened does not stand in the way', () => {
  const { tokens } = prices.worstCase(requestOf({ role: 'user', text: 'Summary.' }, reply(500_000)));
  expect(tokens).toBeLessThan(5000);
});

test('more messages never come to less', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 10 }), fc.string(), (texts, more) => {
      const messages: Message[] = texts.map((text) => ({ role: 'user', text }));
      const before = prices.worstCase(requestOf(...messages)).tokens;
      return prices.worstCase(requestOf(...messages, { role: 'user', text: more })).tokens > before;
    }),
  );
});

test('what was billed never costs more than the worst case for as many tokens', () => {
  const part = fc.nat({ max: 300_000 });
  fc.assert(
    fc.property(part, part, part, fc.nat({ max: 1000 }), (inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens) => {
      const worst = prices.worstCase(requestOf({ role: 'user', text: 'x'.repeat(2 * (inputTokens + cacheReadTokens + cacheWriteTokens)) }));
      const billed = prices.usd({ inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens: 0 });
      return billed !== undefined && worst.usd !== undefined && billed <= worst.usd;
    }),
    { numRuns: 30 },
  );
});

test('who bills is known by the address', () => {
  expect(vendorAt('https://openrouter.ai/api/v1')).toBe('openrouter');
  expect(vendorAt('http://127.0.0.1:8080/v1')).toBeUndefined();
});
