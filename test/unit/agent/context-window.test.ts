import { expect, test } from 'vitest';
import type { Message } from '../../../src/contracts/index.ts';
import { fitContext } from '../../../src/agent/context-window.ts';

const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
const task: Message = { role: 'user', text: '# Task\nfix it\n# How to work\nstep by step' };

function turn(id: number, output: string, words = ''): Message[] {
  return [
    { role: 'assistant', reply: { text: words, calls: [{ id: `c${id}`, name: 'shell', input: { command: 'x' } }], stop: 'tools', usage, raw: null } },
    { role: 'tools', outcomes: [{ callId: `c${id}`, tool: 'shell', ok: true, text: output, data: [{ stdout: output }] }] },
  ];
}

const turns = (count: number, output: string, words = ''): Message[] => [task, ...Array.from({ length: count }, (_, id) => turn(id, output, words)).flat()];
/** What is sent of a result is its text or its parts, not both. */
const size = (messages: readonly Message[]): number => JSON.stringify(messages, (key, value: unknown) => (key === 'data' ? undefined : value)).length;

test('a conversation that fits is sent as it is', () => {
  const messages = turns(5, 'short');
  expect(fitContext(messages, { tokens: 10_000 })).toEqual(messages);
});

test('older outputs give way to a line with their size; the task stays and is said again', () => {
  const sent = fitContext(turns(30, 'x'.repeat(3000)), { tokens: 20_000 });
  expect(size(sent)).toBeLessThan(3 * 20_000 * 1.5);
  expect(sent[0]).toEqual(task);
  const outputs = sent.flatMap((message) => (message.role === 'tools' ? message.outcomes : []));
  expect(outputs).toHaveLength(30);
  expect(outputs[0]).toEqual({ callId: 'c0', tool: 'shell', ok: true, text: '[an older result of 3000 bytes was removed; run the command again if you need it]' });
  expect(outputs.at(-1)?.text).toHaveLength(3000);
  const again = sent.filter((message) => message.role === 'user' && message.text.startsWith('Older results were removed'));
  expect(again).toHaveLength(1);
  expect(again[0]).toMatchObject({ text: expect.stringContaining('# Task\nfix it\n# How to work\nstep by step') });
});

test('where words alone are too many, whole turns go, and no result stands without its call', () => {
  const sent = fitContext(turns(60, 'ok', 'w'.repeat(3000)), { tokens: 20_000 });
  expect(size(sent)).toBeLessThan(3 * 20_000 * 1.5);
  expect(sent[0]).toEqual(task);
  const known = new Set<string>();
  for (const message of sent) {
    if (message.role === 'assistant') for (const { id } of message.reply.calls) known.add(id);
    if (message.role === 'tools') for (const { callId } of message.outcomes) expect(known.has(callId)).toBe(true);
  }
  expect(known.has('c59')).toBe(true);
});

test('what was sent once is sent the same way again, until the limit is reached the next time', () => {
  const messages = turns(40, 'x'.repeat(3000));
  let changes = 0;
  for (let count = 1; count < messages.length - 2; count += 2) {
    const before = fitContext(messages.slice(0, count), { tokens: 20_000 });
    const after = fitContext(messages.slice(0, count + 2), { tokens: 20_000 });
    if (JSON.stringify(after.slice(0, before.length)) !== JSON.stringify(before)) changes += 1;
  }
  expect(changes).toBeLessThan(6);
});
