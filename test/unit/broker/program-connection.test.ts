import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Arrived, ProgramConnection, type ProgramListener } from '../../../src/broker/egress/program-connection.ts';
import { within } from '../../support/egress.ts';

/** Answers each request with what it was, and keeps what was refused. */
class Echo implements ProgramListener {
  readonly heard: string[] = [];
  readonly refusals: string[] = [];

  arrived({ request, body, answer }: Arrived): void {
    void (async () => {
      // Nobody is answered in the same turn.
      const read = body === undefined ? '' : (await buffer(body)).toString('latin1');
      await Promise.resolve();
      const said = Buffer.from(`${request.method} ${request.target} ${read}`);
      this.heard.push(said.toString());
      answer.begin(200, ['content-length', String(said.length)]);
      answer.write(said);
      answer.end();
    })().catch(() => answer.cut());
  }

  connect(authority: string, stream: Duplex): void {
    this.heard.push(`CONNECT ${authority}`);
    stream.pipe(stream);
  }

  refused({ message }: { readonly message: string }): void {
    this.refusals.push(message);
  }
}

/** A program's side of a connection, and who hears what is asked on it. */
function connected(listener: ProgramListener = new Echo(), headMs = 60_000): Duplex {
  const [program, ours] = duplexPair();
  ours.once('close', () => program.destroy());
  void new ProgramConnection(ours, { listener, origin: undefined, headMs });
  program.on('error', () => {});
  return program;
}

const LAST = 'GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

describe('requests are read one after the other', () => {
  test('wherever they are cut, each with its own body, and answered in their order', async () => {
    const asked = `GET /1 HTTP/1.1\r\nhost: a\r\n\r\nPOST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello\r\nPUT /3 HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n${LAST}`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: asked.length }), { maxLength: 12 }), async (cuts) => {
        const echo = new Echo();
        const program = connected(echo);
        const at = [0, ...cuts.toSorted((a, b) => a - b), asked.length];
        for (const [i, end] of at.slice(1).entries()) program.write(asked.slice(at[i], end), 'latin1');
        const answered = await within(text(program), 'the last answer');
        const expected = ['GET /1 ', 'POST /2 hello', 'PUT /3 abcd', 'GET /last '];
        expect([echo.heard, echo.refusals]).toEqual([expected, []]);
        expect(answered.split(/HTTP\/1\.1 200 OK\r\n[^]*?\r\n\r\n/).slice(1)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  test('what follows CONNECT is not HTTP any more', async () => {
    const echo = new Echo();
    const program = connected(echo);
    program.end('CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\nGET / HTTP/1.1\r\n\r\n');
    expect(await within(text(program), 'the end of a tunnel')).toBe('GET / HTTP/1.1\r\n\r\n');
    expect(echo.heard).toEqual(['CONNECT a:1']);
  });

  test('the rest of a body that nobody wanted goes by, and the next request is read', async () => {
    const heard: string[] = [];
    const program = connected({
      connect: () => {},
      refused: () => {},
      arrived: ({ request, answer }) => {
        heard.push(request.target);
        answer.begin(200, ['content-length', '0']);
        answer.end();
      },
    });
    program.write(`POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\nhalf`);
    await once(program, 'readable');
    program.write(Buffer.alloc(199_996));
    program.write(LAST);
    expect(await within(text(program), 'the last answer')).toMatch(/200 OK[^]*200 OK/);
    expect(heard).toEqual(['/1', '/last']);
  });

  test('an answer without a length comes in chunks, and to a program of HTTP/1.0 to the end of its connection', async () => {
    const listener: ProgramListener = { connect: () => {}, refused: () => {}, arrived: ({ answer }) => {
      answer.begin(200, ['x-own', '1']);
      answer.write(Buffer.from('piece'));
      answer.end(['x-sum', '42']);
    } };
    for (const [version, body] of [['1.1', '5\r\npiece\r\n0\r\nx-sum: 42\r\n\r\n'], ['1.0', 'piece']] as const) {
      const program = connected(listener);
      program.write(`GET / HTTP/${version}\r\nhost: a\r\nconnection: close\r\n\r\n`);
      const answer = await within(text(program), 'an answer');
      expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(body);
      expect(answer.includes('transfer-encoding: chunked')).toBe(version === '1.1');
    }
  });
});

describe('what is no request', () => {
  test.each(['220 mail.test ESMTP', 'get / HTTP/1.1\r\nhost: a\r\n\r\n', 'GET / HTTP/1.1\n', 'FROBNICATE / HTTP/1.1\r\nhost: a\r\n\r\n', 'GET / HTTP/1.2\r\n\r\n', 'GET /\t HTTP/1.1\r\n\r\n', '\r\n\r\nGET / HTTP/1.1\r\n\r\n', `GET /${'x'.repeat(40_000)}`, '\x16\x03\x01',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', 'POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n', ...['\n', '\r', '\0', '\x7f', '\r\n '].map((odd) => `GET / HTTP/1.1\r\nhost: a\r\nx: a${odd}b\r\n\r\n`),
  ])('%j is told so at once, and nothing more is read', async (bytes) => {
    const echo = new Echo();
    const program = connected(echo);
    program.write(bytes, 'latin1');
    program.write(LAST);
    expect(await within(text(program), 'a refusal')).toMatch(/^HTTP\/1\.1 400 [^]*connection: close\r\n\r\nglovebox: /);
    expect([echo.heard, echo.refusals.length]).toEqual([[], 1]);
  });

  test('a body that breaks is told to whoever sends it on', async () => {
    const failed = Promise.withResolvers<Error>();
    const program = connected({ connect: () => {}, refused: () => {}, arrived: ({ body }) => void body?.on('error', failed.resolve).resume() });
    program.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n');
    program.write('x\r\n');
    expect(await within(failed.promise, 'the error of a body')).toMatchObject({ code: 'request_invalid' });
  });

  test('a program that goes away takes its body and its answer with it', async () => {
    const gone = Promise.withResolvers<string>();
    const [program, ours] = duplexPair();
    void new ProgramConnection(ours, { listener: { connect: () => {}, refused: () => {}, arrived: ({ body, answer }) => {
      answer.whenGone(() => gone.resolve(`${answer.isGone} ${body?.errored?.message ?? ''}`));
    } }, origin: undefined, headMs: 60_000 });
    program.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf');
    ours.once('data', () => ours.destroy());
    expect(await within(gone.promise, 'its end')).toBe('true the program is gone');
    program.destroy();
  });
});
