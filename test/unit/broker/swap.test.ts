import { describe, expect, test } from 'vitest';
import { placesOf, swap, type SwapPlace } from '../../../src/broker/credentials/swap.ts';

const PLACEHOLDER = 'ghp_placeholder0123456789';
const SECRET = 'ghp_real$&secret/+=';
const pair = (...places: SwapPlace[]) => ({ placeholder: PLACEHOLDER, secret: SECRET, places });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('a secret is put in', () => {
  test.each([
    ['Authorization: Bearer', `Bearer ${PLACEHOLDER}`, `Bearer ${SECRET}`],
    ['a header of its own', PLACEHOLDER, SECRET],
    ['twice in a header', `${PLACEHOLDER}, ${PLACEHOLDER}`, `${SECRET}, ${SECRET}`],
    ['Basic auth, as a password', basic(`x-access-token:${PLACEHOLDER}`), basic(`x-access-token:${SECRET}`)],
    ['Basic auth, as a user', basic(`${PLACEHOLDER}:`), basic(`${SECRET}:`)],
    ['basic auth in any case', `bAsIc  ${Buffer.from(`u:${PLACEHOLDER}`).toString('base64')}`, `bAsIc  ${Buffer.from(`u:${SECRET}`).toString('base64')}`],
  ])('%s', (_, value, expected) => {
    const swapped = swap({ path: '/', headers: [['authorization', value], ['accept', '*/*']] }, [pair('header')]);
    expect(swapped).toMatchObject({ headers: [['authorization', expected], ['accept', '*/*']] });
  });

  test('the query, encoded, and only where it may go there', () => {
    const request = { path: `/a?token=${PLACEHOLDER}&b=1`, headers: [] };
    expect(swap(request, [pair('header', 'query')])).toMatchObject({ path: `/a?token=${encodeURIComponent(SECRET)}&b=1` });
    expect(swap(request, [pair('header')])).toMatchObject({ path: request.path });
  });

  test('never the path', () => {
    const request = { path: `/${PLACEHOLDER}?a=1`, headers: [] };
    expect(swap(request, [pair('header', 'query', 'body')])).toMatchObject({ path: request.path });
  });

  test('no header where it may only go in the query', () => {
    const request = { path: '/', headers: [['x-token', PLACEHOLDER]] as const };
    expect(swap(request, [pair('query')])).toEqual(request);
  });
});

test.each([
  ['header', { path: '/', headers: [['x', `a ${PLACEHOLDER}`]] as const }],
  ['header', { path: '/', headers: [['authorization', basic(`u:${PLACEHOLDER}`)]] as const }],
  ['query', { path: `/?a=${PLACEHOLDER}`, headers: [] }],
  ['path', { path: `/${PLACEHOLDER}/x?y`, headers: [] }],
  ['path', { path: `/${PLACEHOLDER.replace('p', '%70')}/x`, headers: [] }],
])('a placeholder is seen in the %s', (place, head) => {
  expect(placesOf(head, PLACEHOLDER)).toEqual([place]);
  expect(placesOf(head, 'another-placeholder-000')).toEqual([]);
});

test('what cannot be decoded has none', () => {
  expect(placesOf({ path: '/%', headers: [['authorization', 'Basic !!']] }, PLACEHOLDER)).toEqual([]);
});
