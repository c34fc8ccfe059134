import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnswerListener, AnswerReader } from '../../../src/broker/egress/answer-reader.ts';

interface Heard {
  readonly said: string[];
  readonly body: string;
  readonly rest: string;
  readonly isOver: boolean;
  readonly keepsOpenMs: number;
}

/** What is heard of bytes that come in pieces, after each of which the connection goes on; `isClosed`: after the last it ends. */
function read(pieces: readonly string[], { isHead = false, isClosed = false } = {}): Heard {
  const said: string[] = [];
  let body = '';
  let rest = '';
  const listener: AnswerListener = {
    informed: (status, headers) => void said.push(`${status} ${headers.join('|')}`),
    began: (status, headers) => void said.push(`${status} ${headers.join('|')}`),
    data: (bytes) => (body += bytes.toString('latin1')),
    ended: (trailers) => void said.push(`end ${trailers.join('|')}`),
  };
  const reader = new AnswerReader(listener, isHead);
  for (const piece of pieces) rest += reader.push(Buffer.from(piece, 'latin1')).toString('latin1');
  if (isClosed) reader.close();
  return { said, body, rest, isOver: reader.isOver, keepsOpenMs: reader.keepsOpenMs };
}

const ok = (headers: string, body = ''): string => `HTTP/1.1 200 OK\r\n${headers}\r\n${body}`;

describe('an answer is read', () => {
  test.each([
    ['with a length', ok('Content-Length: 5\r\n', 'hello'), 'hello', ['200 Content-Length|5', 'end ']],
    ['with an empty body', ok('content-length: 0\r\n'), '', ['200 content-length|0', 'end ']],
    ['in chunks', ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n'), 'hello!', ['200 Transfer-Encoding|chunked', 'end ']],
    ['in chunks with trailers', ok('transfer-encoding: CHUNKED\r\n', '0a\r\n0123456789\r\n000\r\nx-sum:  42 \r\ny: z\r\n\r\n'), '0123456789', ['200 transfer-encoding|CHUNKED', 'end x-sum|42|y|z']],
    ['without a body by its status', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n', '', ['304 content-length|9', 'end ']],
    ['after what announces it', `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${ok('content-length: 1\r\n', 'a')}`, 'a', ['103 link|</a>', '200 content-length|1', 'end ']],
    ['without words beside its status', 'HTTP/1.0 200\r\ncontent-length: 1\r\n\r\na', 'a', ['200 content-length|1', 'end ']],
  ])('%s, wherever it is cut, and no further than to its end', (_, text, body, said) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, i) => text.slice(at[i], end));
        expect(read([...pieces, 'HTTP/1.1 next'])).toMatchObject({ said, body, rest: 'HTTP/1.1 next', isOver: true });
      }),
      { numRuns: 60 },
    );
  });

  test('to the end of the connection where it has no length, and only then is it over', () => {
    expect(read([ok('', 'all '), 'of it'])).toMatchObject({ body: 'all of it', isOver: false });
    expect(read([ok('', 'all '), 'of it'], { isClosed: true })).toMatchObject({ body: 'all of it', isOver: true, keepsOpenMs: 0 });
    expect(read([ok('content-length: 5\r\n', 'half')], { isClosed: true })).toMatchObject({ isOver: false });
    expect(read([ok('transfer-encoding: chunked\r\n', '4\r\nhalf\r\n')], { isClosed: true })).toMatchObject({ isOver: false });
  });

  test('without a body where it answers HEAD, whatever it says', () => {
    expect(read([ok('content-length: 5\r\n')], { isHead: true })).toMatchObject({ body: '', isOver: true });
    expect(read([ok('transfer-encoding: chunked\r\n')], { isHead: true })).toMatchObject({ body: '', isOver: true });
  });

  test('up to another protocol: what follows is left as it is', () => {
    const reader = new AnswerReader({ informed: () => {}, began: () => {}, data: () => {}, ended: () => {} }, false);
    expect(reader.push(Buffer.from('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nhello')).toString()).toBe('hello');
    expect(reader.switched).toEqual(['upgrade', 'websocket']);
  });

  test.each([
    ['', Number.POSITIVE_INFINITY],
    ['keep-alive: timeout=5, max=100\r\n', 5_000],
    ['connection: Keep-Alive, Close\r\n', 0],
  ])('with how long the connection may be used again: %j', (headers, keepsOpenMs) => {
    expect(read([ok(`${headers}content-length: 0\r\n`)]).keepsOpenMs).toBe(keepsOpenMs);
  });
});

describe('what can be read in two ways is broken', () => {
  test.each([
    ['another protocol', '220 mail.test ESMTP\r\n'],
    ['another version', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a line that ends in LF alone', 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n'],
    ['a header that ends in LF alone', ok('x: y\ncontent-length: 0\r\n')],
    ['a bare CR in a header', ok('x: y\rz\r\ncontent-length: 0\r\n')],
    ['a folded header', ok('x: a\r\n b\r\n')],
    ['a space before the colon', ok('content-length : 5\r\n')],
    ['a header without a name', ok(': 5\r\n')],
    ['a NUL', ok('x: a\0b\r\n')],
    ['a length and chunks', ok('content-length: 5\r\ntransfer-encoding: chunked\r\n')],
    ['two lengths', ok('content-length: 5\r\ncontent-length: 5\r\n')],
    ['a length with a sign', ok('content-length: +5\r\n')],
    ['a list of lengths', ok('content-length: 5, 5\r\n')],
    ['another coding', ok('transfer-encoding: gzip, chunked\r\n')],
    ['two codings', ok('transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n')],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['a chunk without a size', ok('transfer-encoding: chunked\r\n', '\r\n')],
    ['a size with a prefix', ok('transfer-encoding: chunked\r\n', '0x5\r\nhello\r\n')],
    ['a size beyond all', ok('transfer-encoding: chunked\r\n', 'fffffffffffffff\r\n')],
    ['a size that ends in LF alone', ok('transfer-encoding: chunked\r\n', '5\nhello\r\n0\r\n\r\n')],
    ['a chunk that is longer than its size', ok('transfer-encoding: chunked\r\n', '1\r\nhello\r\n')],
    ['a trailer that is none', ok('transfer-encoding: chunked\r\n', '0\r\nnone\r\n\r\n')],
    ['headers without end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`],
    ['a size line without end', ok('transfer-encoding: chunked\r\n', `1;${'x'.repeat(2_000)}`)],
    ['announcements without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)],
  ])('%s', (_, text) => {
    expect(() => read([text])).toThrow(expect.objectContaining({ name: 'MessageBroken' }));
    // A byte at a time no more is put up with.
    if (text.length < 500) expect(() => read([...text])).toThrow(expect.objectContaining({ name: 'MessageBroken' }));
  });

  test('many spaces cost no more than as many letters', () => {
    const line = (filling: string): string => ok(`x: ${filling.repeat(60_000)}\0\r\n`);
    // The square of it would take minutes.
    expect(() => read([line(' ')])).toThrow(expect.objectContaining({ name: 'MessageBroken' }));
  });
});
