import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { placeholderFor } from '../../../src/broker/credentials/placeholder.ts';
import { Scrubber } from '../../../src/broker/credentials/scrubber.ts';

const SECRET = 'ghp_9aT+q/Zr<x&"7LmNpQwErTy';
const PLACEHOLDER = placeholderFor(SECRET);
const PAIR = { secret: SECRET, placeholder: PLACEHOLDER };

describe('a placeholder', () => {
  test('is shaped like the secret, keeps what says what it is for, and is another each time', () => {
    const made = Array.from({ length: 100 }, () => placeholderFor('ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6'));
    expect(new Set(made).size).toBe(100);
    for (const one of made) expect(one).toMatch(/^ghp_[a-z][A-Z]\d[a-z][A-Z]\d[a-z][A-Z]\d/);
  });
  test.each(['', 'x', '----', 'sk-ant-', 'pässwörd', '12345'])('of %j cannot be guessed either', (secret) => {
    const [one, other] = [placeholderFor(secret), placeholderFor(secret)];
    expect(one).not.toBe(other);
    expect(one).toMatch(/^[!-~]{20,}$/);
    if (secret.length > 3) expect(one).not.toContain('ä');
  });
});

const FORMS: readonly [string, string][] = [
  ['as it is', SECRET],
  ['in a URL', encodeURIComponent(SECRET)],
  ['in a URL, lower case', encodeURIComponent(SECRET).replaceAll(/%../g, (one) => one.toLowerCase())],
  ['in a form', new URLSearchParams({ a: SECRET }).toString()],
  ['in JSON', JSON.stringify({ token: SECRET })],
  ['in JSON with slashes escaped', JSON.stringify(SECRET).replaceAll('/', String.raw`\/`)],
  ['in HTML', SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')],
  ['in hex', Buffer.from(SECRET).toString('hex')],
  ['in HEX', Buffer.from(SECRET).toString('hex').toUpperCase()],
  ...['', 'u', 'us', 'use', 'user:', 'x-access-token:'].flatMap((before): [string, string][] => [
    [`in base64 behind ${JSON.stringify(before)}`, Buffer.from(`${before}${SECRET}\n`).toString('base64')],
    [`in base64url behind ${JSON.stringify(before)}`, Buffer.from(`${before}${SECRET}`).toString('base64url')],
  ]),
];

/** What a reader could make of it. */
function leaks(text: string): boolean {
  const readings = [text, text.replaceAll('\\/', '/'), Buffer.from(text, 'hex').toString(), Buffer.from(text, 'base64').toString()];
  try {
    readings.push(decodeURIComponent(text), decodeURIComponent(text.replaceAll('+', ' ')));
  } catch {
    // No URL encoding.
  }
  const inner = SECRET.slice(4);
  return readings.some((reading) => reading.includes(inner));
}

test.each(FORMS)('a secret %s is taken out, whole and at every cut', async (_, text) => {
  expect(leaks(text) || text.includes('&amp;') || text.includes('\\"') || text.includes('a=')).toBe(true);
  const scrubber = new Scrubber([PAIR]);
  const whole = scrubber.bytes(Buffer.from(`before ${text} after`)).toString();
  expect(whole).not.toContain(text);
  expect(leaks(whole.slice('before '.length, -' after'.length))).toBe(false);
  const bytes = Buffer.from(`before ${text} after`);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const streamed = await buffer(Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)].filter((one) => one.length > 0)).pipe(new Scrubber([PAIR]).stream()));
    expect(streamed.toString()).toBe(whole);
  }
});

test('a secret in single bytes is found, told once, and the rest comes unchanged', async () => {
  let found = 0;
  const bytes = Buffer.from(`${SECRET}${SECRET} and ${SECRET.slice(0, -1)} and ${SECRET}`);
  const stream = Readable.from([...bytes].map((byte) => Buffer.from([byte]))).pipe(new Scrubber([PAIR]).stream(() => void (found += 1)));
  expect((await buffer(stream)).toString()).toBe(`${PLACEHOLDER}${PLACEHOLDER} and ${SECRET.slice(0, -1)} and ${PLACEHOLDER}`);
  expect(found).toBe(1);
});

test('of two secrets of which one begins with the other, the longer is taken out', () => {
  const scrubber = new Scrubber([{ secret: 'secret-one', placeholder: 'AAAA' }, { secret: 'secret-one-two', placeholder: 'BBBB' }]);
  expect(scrubber.bytes(Buffer.from('secret-one-two secret-one')).toString()).toBe('BBBB AAAA');
});

test('what has no secret passes byte for byte, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 }), async (chunks) => {
      const buffers = chunks.map((chunk) => Buffer.from(chunk));
      const streamed = await buffer(Readable.from(buffers).pipe(new Scrubber([PAIR]).stream()));
      expect(streamed.equals(Buffer.concat(buffers))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('wherever secrets stand and wherever the stream is cut, it comes to the same and none is left', async () => {
  const part = fc.oneof(fc.constantFrom(...FORMS.map(([, text]) => text)), fc.string({ maxLength: 10 }));
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.array(fc.nat({ max: 2000 }), { maxLength: 8 }), async (parts, cuts) => {
      const bytes = Buffer.from(parts.join('|'));
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((to, i) => bytes.subarray(places[i], to)).filter((one) => one.length > 0);
      const streamed = await buffer(Readable.from(chunks).pipe(new Scrubber([PAIR]).stream()));
      expect(streamed.equals(new Scrubber([PAIR]).bytes(bytes))).toBe(true);
      expect(streamed.includes(SECRET)).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test('without a secret there is nothing to hold back', async () => {
  expect((await buffer(Readable.from([Buffer.from('abc')]).pipe(new Scrubber([]).stream()))).toString()).toBe('abc');
});
