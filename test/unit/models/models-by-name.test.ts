import { expect, test } from 'vitest';
import { ModelsByName } from '../../../src/models/index.ts';

const open = (name: string, env: Record<string, string> = {}) => new ModelsByName({ env, transcriptFolder: '/' }).open(name);

test.each(['gpt-5', 'google:gemini', ':x', 'openai:', 'openai: ', ''])('"%s" is not a model, and the forms that are get named', async (name) => {
  await expect(open(name)).rejects.toMatchObject({
    code: 'model_unknown',
    message: expect.stringContaining('anthropic:<model>, openai:<model>, openai-chat:<model> or transcript:<file>'),
  });
});

test.each([
  ['anthropic:claude-sonnet-5', 'ANTHROPIC'],
  ['openai:gpt-5', 'OPENAI'],
  ['openai-chat:gpt-5', 'OPENAI'],
])('%s without a key names the variable, and the way without one', async (name, prefix) => {
  const missing = expect.stringMatching(new RegExp(`set ${prefix}_API_KEY.*set ${prefix}_BASE_URL; any key`));
  await expect(open(name)).rejects.toMatchObject({ code: 'model_key_missing', message: missing });
  await expect(open(name, { [`${prefix}_API_KEY`]: '  ' })).rejects.toMatchObject({ code: 'model_key_missing' });
});

test('a model’s name may have colons, and provider and name open it again', async () => {
  const model = await open('openai-chat:gpt-oss:20b', { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' });
  expect(`${model.provider}:${model.name}`).toBe('openai-chat:gpt-oss:20b');
});

test.each(['localhost:8080', 'nonsense', 'https://user:password@host/v1'])('%s is no base URL, and its variable is named before anything is sent', async (url) => {
  await expect(open('openai:gpt-5', { OPENAI_BASE_URL: url })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('OPENAI_BASE_URL') });
});

test.each(['geheimer Schlüssel', 'two\nlines'])('a key that could not be sent is known by its variable, and not shown', async (key) => {
  await expect(open('openai:gpt-5', { OPENAI_API_KEY: key })).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringMatching(/^OPENAI_API_KEY has characters/),
  });
});
