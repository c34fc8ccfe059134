import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChatAnswer } from '../../../src/models/openai-chat/chat-answer.ts';

interface Written {
  readonly name: string;
  readonly input: Record<string, unknown>;
}

const calls = fc.array(fc.record({ name: fc.constantFrom('shell', 'edit'), input: fc.dictionary(fc.string(), fc.jsonValue()) }), { maxLength: 4 });

/** A text in pieces of the given sizes. */
function pieces(text: string, sizes: readonly number[]): string[] {
  const parts: string[] = [];
  for (let at = 0, index = 0; at < text.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    parts.push(text.slice(at, at + size));
    at += size;
  }
  return parts;
}

function stream(answer: ChatAnswer, text: string, written: readonly Written[], sizes: readonly number[]): string {
  const delta = (part: object) => answer.add({ choices: [{ delta: part, finish_reason: null }] });
  const said = pieces(text, sizes).map((content) => delta({ content }));
  written.forEach(({ name, input }, index) => {
    delta({ tool_calls: [{ index, id: `id_${index}`, function: { name, arguments: '' } }] });
    for (const json of pieces(JSON.stringify(input), sizes)) delta({ tool_calls: [{ index, function: { arguments: json } }] });
  });
  answer.add({ choices: [{ delta: {}, finish_reason: 'stop' }] });
  return said.join('');
}

test('text and calls are the same wherever the stream is divided', () => {
  fc.assert(
    fc.property(fc.string(), calls, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (text, written, sizes) => {
      const answer = new ChatAnswer('call');
      expect(stream(answer, text, written, sizes)).toBe(text);
      const finished = answer.finish();
      expect(finished.text).toBe(text);
      expect(finished.calls).toEqual(written.map(({ name, input }, index) => ({ id: `id_${index}`, name, input: JSON.parse(JSON.stringify(input)) })));
    }),
  );
});
