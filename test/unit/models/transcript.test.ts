import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message, Model } from '../../../src/contracts/index.ts';
import { ModelsByName } from '../../../src/models/index.ts';
import { next, requestOf, task } from '../../support/model-server/conversation.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transcripts-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function play(text: string): Promise<Model> {
  await writeFile(join(folder, 'it.yaml'), text);
  return new ModelsByName({ env: {}, transcriptFolder: folder }).open('transcript:it.yaml');
}

const good = `
description: fixes the sum
written_by_hand: true
model: a person
replies:
  - text: Let me look.
    calls:
      - name: shell
        input: { command: ls }
      - name: shell
        input: { command: cat sum.js }
    expect: { message: 'Fix .* bug' }
  - calls: [{ name: submit, input: { summary: done } }]
    expect: { outcome: '^sum\\.js$', ok: true }
`;

const outcome = (id: string, text: string, ok = true) => ({ callId: id, tool: 'shell', ok, text });

test('replies are played in order, for nothing, and said to be written by hand', async () => {
  const model = await play(good);
  const deltas: string[] = [];
  const first = requestOf(task);
  const reply = await model.complete(first, { onText: (delta) => deltas.push(delta) });
  expect(reply).toEqual({
    text: 'Let me look.',
    calls: [
      { id: 'call_1_1', name: 'shell', input: { command: 'ls' } },
      { id: 'call_1_2', name: 'shell', input: { command: 'cat sum.js' } },
    ],
    stop: 'tools',
    usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    usd: 0,
    raw: { of: 'transcript', model: 'a person', reply: 1, writtenByHand: true },
  });
  expect(deltas).toEqual(['Let me look.']);
  expect(model.worstCase(first)).toEqual({ usd: 0, tokens: 0 });
  const second = await model.complete(next(first, reply, outcome('call_1_1', 'package.json\nsum.js\n'), outcome('call_1_2', '…')));
  expect(second).toMatchObject({ text: '', calls: [{ id: 'call_2_1', name: 'submit' }], stop: 'tools' });
});

test('which reply is next depends on the request alone, so a run that is resumed goes on', async () => {
  const first = requestOf(task);
  const request = next(first, await (await play(good)).complete(first), outcome('call_1_1', 'sum.js'));
  const fresh = await play(good);
  expect(await fresh.complete(request)).toEqual(await fresh.complete(request));
  expect((await fresh.complete(request)).calls[0]?.name).toBe('submit');
});

test('what happened otherwise than expected is shown beside what was expected', async () => {
  const model = await play(good);
  const first = requestOf(task);
  const reply = await model.complete(first);
  const other = model.complete(next(first, reply, outcome('call_1_1', 'total.js')));
  await expect(other).rejects.toMatchObject({
    code: 'transcript_invalid',
    details: { reply: 2 },
    message: expect.stringMatching(/reply 2 expects the last tool outcome\n- to match .*sum.*\n\+ but it was:\n {2}total\.js/s),
  });
  const failed = model.complete(next(first, reply, outcome('call_1_1', 'sum.js', false)));
  await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('to be good') });
  await expect(model.complete(requestOf({ role: 'user', text: 'Write a poem.' }))).rejects.toMatchObject({ message: expect.stringContaining('the last message') });
});

test('a transcript that has no more replies says how many it had', async () => {
  const model = await play(good);
  const reply = await model.complete(requestOf(task));
  const assistant: Message = { role: 'assistant', reply };
  await expect(model.complete(requestOf(task, assistant, assistant))).rejects.toMatchObject({
    code: 'transcript_invalid',
    message: expect.stringMatching(/2 replies, and reply 3/),
  });
});

test('JSON will do too', async () => {
  const model = await play(JSON.stringify({ description: 'd', written_by_hand: true, model: 'm', replies: [{ text: 'Hi.' }] }));
  expect(await model.complete(requestOf(task))).toMatchObject({ text: 'Hi.', stop: 'done', calls: [] });
});

test.each([
  ['a syntax error', 'description: [\n', /it\.yaml:2: /],
  ['a missing field', 'description: d\nmodel: m\nreplies: [{}]\n', /it\.yaml:1: written_by_hand: /],
  ['one that claims to be real', good.replace('written_by_hand: true', 'written_by_hand: false'), /it\.yaml:3: written_by_hand: .*true/],
  ['an unknown field', good.replace('name: submit', 'nme: submit'), /it\.yaml:13: replies\.1\.calls\.0/],
  ['a pattern that is none', good.replace("'Fix .* bug'", "'('"), /it\.yaml:12: replies\.0\.expect\.message: expected a regular expression/],
  ['no replies', 'description: d\nwritten_by_hand: true\nmodel: m\nreplies: []\n', /it\.yaml:4: replies: /],
])('%s is found with file and line', async (_, text, message) => {
  await expect(play(text)).rejects.toMatchObject({ code: 'transcript_invalid', message: expect.stringMatching(message), details: { line: expect.any(Number) } });
});

test('a file that is not there is named', async () => {
  const missing = new ModelsByName({ env: {}, transcriptFolder: folder }).open('transcript:nowhere.yaml');
  await expect(missing).rejects.toMatchObject({ code: 'transcript_invalid', message: expect.stringContaining(join(folder, 'nowhere.yaml')) });
});
