import { expect, test } from 'vitest';
import type { Message, ModelReply } from '../../../src/contracts/index.ts';
import { pendingCalls } from '../../../src/agent/conversation.ts';
import { dueHint, givenUp } from '../../../src/agent/hints.ts';

const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
let ids = 0;

function reply(part: Partial<ModelReply>): Message {
  return { role: 'assistant', reply: { text: '', calls: [], stop: 'done', usage, raw: null, ...part } };
}
function turn(command: string, text: string): Message[] {
  const id = `c${(ids += 1)}`;
  return [reply({ calls: [{ id, name: 'shell', input: { command } }] }), { role: 'tools', outcomes: [{ callId: id, tool: 'shell', ok: true, text }] }];
}
const task: Message = { role: 'user', text: 'task' };
const silent = (): Message[] => [reply({ text: 'hm' }), { role: 'user', text: 'call a tool' }];

test('an answer without a call is reminded, and the third in a row ends it', () => {
  expect(dueHint([task, reply({})])).toContain('(1 of 3 in a row');
  expect(dueHint([task, reply({}), { role: 'user', text: 'said' }])).toBeUndefined();
  const two = [task, ...silent(), reply({})];
  expect(dueHint(two)).toContain('(2 of 3 in a row');
  expect(givenUp(two)).toBeUndefined();
  expect(givenUp([task, ...silent(), ...silent(), reply({})])).toContain('3 times in a row without a call');
  expect(givenUp([task, ...silent(), ...silent(), ...turn('ls', 'a'), reply({})])).toBeUndefined();
});

test('the same call with the same outcome is told at three and ends it at five', () => {
  const same = (count: number): Message[] => [task, ...turn('ls', 'other'), ...Array.from({ length: count }, () => turn('npm test', 'red')).flat()];
  expect(dueHint(same(2))).toBeUndefined();
  expect(dueHint(same(3))).toContain('3 times in a row');
  expect(dueHint(same(4))).toBeUndefined();
  expect(givenUp(same(4))).toBeUndefined();
  expect(givenUp(same(5))).toContain('5 times');
  expect(givenUp([...same(4), ...turn('npm test', 'green')])).toBeUndefined();
});

test('a cut answer is told to go on shorter, with calls or without', () => {
  expect(dueHint([task, reply({ stop: 'cut', text: 'long' })])).toContain('cut off');
  const [asked, settled] = turn('ls', 'a');
  expect(dueHint([task, { ...asked, reply: { ...(asked as { reply: ModelReply }).reply, stop: 'cut' } } as Message, settled as Message])).toContain('cut off');
});

test('a refusal ends it', () => {
  expect(givenUp([task, reply({ stop: 'refused', text: 'no' })])).toBe('the model refused to go on');
});

test('calls of the last reply without an outcome are pending', () => {
  const calls = ['a', 'b', 'c'].map((id) => ({ id, name: 'shell', input: {} }));
  const outcome = (callId: string): Message => ({ role: 'tools', outcomes: [{ callId, tool: 'shell', ok: true, text: '' }] });
  expect(pendingCalls([task])).toEqual([]);
  expect(pendingCalls([task, reply({ calls })]).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(pendingCalls([task, reply({ calls }), outcome('a')]).map(({ id }) => id)).toEqual(['b', 'c']);
  expect(pendingCalls([task, reply({ calls }), outcome('a'), reply({})])).toEqual([]);
});
