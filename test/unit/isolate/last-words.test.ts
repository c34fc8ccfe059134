import { expect, test } from 'vitest';
import { LastWords } from '../../../src/sandbox/isolate/place.ts';

// Each as a child said it when memory was out.
test.each([
  '\n<--- Last few GCs --->\n\n#\n# Fatal process out of memory: Zone\n#\n',
  "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
  "terminate called after throwing an instance of 'std::system_error'\n  what():  Resource temporarily unavailable\n",
])('a child that says %j has run out of memory', (text) => {
  const words = new LastWords();
  for (const part of [text.slice(0, 40), text.slice(40)]) words.add(part);
  expect(words.death(false)).toEqual({ outOfMemory: true, lastWords: text });
});

test('one that says something else, or nothing, has not, unless the kernel says so', () => {
  const words = new LastWords();
  expect(words.death(false).outOfMemory).toBe(false);
  words.add("terminate called after throwing an instance of 'std::system_error'\n  what():  Operation not permitted\n");
  expect([words.death(false).outOfMemory, words.death(true).outOfMemory]).toEqual([false, true]);
});
