import { expect, test } from 'vitest';
import { outgoingLinks } from '../../../src/workspace/inspection/outgoing-links.ts';

test.each([
  ['within a folder', { 'a/b': 'c' }, []],
  ['up and down again inside', { 'a/b': '../c/./d//e' }, []],
  ['to the top', { 'a/b': '..' }, []],
  ['absolute', { a: '/etc/passwd' }, ['a']],
  ['up and out', { 'a/b': '../../etc/passwd' }, ['a/b']],
  ['out and, by the folder’s own name, back in', { 'a/b': '../../repository/c' }, ['a/b']],
  ['through a link that leads up', { 'a/up': '../..', 'a/b/c': '../up/x' }, ['a/up', 'a/b/c']],
  ['through a link that moves the place it counts from', { d: 'x/y/z', e: 'd/../../../../out' }, ['e']],
  ['the same text without that link', { e: 'd/../out' }, []],
  ['into git’s own folder', { a: '.git/hooks', b: 'sub/.GIT/config', c: 'git~1/x' }, ['a', 'b', 'c']],
  ['in a circle', { a: 'b', b: 'a' }, ['a', 'b']],
  ['to itself', { a: 'a' }, ['a']],
  ['with a drive or backslashes', { a: 'C:/x', b: '..\\..\\x' }, ['a', 'b']],
])('%s', (_name, links, out) => {
  expect([...outgoingLinks(new Map(Object.entries(links))).keys()]).toEqual(out);
});
