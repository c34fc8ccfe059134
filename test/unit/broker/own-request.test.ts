import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { EgressRig } from '../../support/egress.ts';

const call = { method: 'GET', headers: {}, mostBytes: 1000, signal: AbortSignal.timeout(20_000) };

describe('a request of a program that is in no sandbox', () => {
  test('goes where policy lets it, encrypted or not, and comes back by value', async () => {
    await using rig = new EgressRig();
    const listener: Parameters<EgressRig['http']>[0] = (request, response) => {
      void text(request).then((body) => response.writeHead(201, { 'x-two': ['a', 'b'] }).end(`${request.method} ${request.url} ${request.headers['x-own']} ${body}`));
    };
    const [secure, plain] = [await rig.https(listener), await rig.http(listener)];
    rig.names.set('up.test', [['127.0.0.1']]);
    await rig.open(`network: [{ host: up.test, port: ${secure}, private: true }, { host: up.test, port: ${plain}, private: true }]`);
    for (const url of [`https://up.test:${secure}/a?b=1`, `http://up.test:${plain}/a?b=1`]) {
      const answer = await rig.egress.request({ ...call, url, method: 'POST', headers: { 'x-own': 'mine' }, body: Buffer.from('body') });
      expect({ ...answer, body: answer.body.toString() }).toMatchObject({ status: 201, headers: { 'x-two': 'a, b' }, body: 'POST /a?b=1 mine body' });
    }
    expect(rig.decisions().map(({ request, allowed }) => [request.action, allowed])).toEqual(Array.from({ length: 4 }, () => ['network.connect', true]));
  });

  test('is refused in words where policy does not let it', async () => {
    await using rig = await new EgressRig().openTo(443);
    const answer = await rig.egress.request({ ...call, url: 'https://evil.test/x' });
    expect(answer).toMatchObject({ status: 403 });
    expect(answer.body.toString()).toBe('glovebox: refused by policy: network: GET https://evil.test:443/x is not in the list\n');
    expect(rig.questions).toEqual([]);
  });

  test.each([
    ['no address', 'nonsense', 'usage'],
    ['another scheme', 'file:///etc/passwd', 'usage'],
    ['a password in it', 'https://user:secret@up.test/', 'usage'],
  ])('%s is told', async (_, url, code) => {
    await using rig = await new EgressRig().openTo(443);
    const failure = await rig.egress.request({ ...call, url }).then(() => undefined, (error: Error) => error);
    expect(failure).toMatchObject({ code });
    expect(failure?.message).not.toContain('secret');
  });

  test('ends when it is cancelled, when its answer is too long, and when the way out is over', async () => {
    await using rig = new EgressRig();
    const port = await rig.https((request, response) => void (request.url === '/long' ? response.end('x'.repeat(2000)) : undefined));
    await rig.openTo(port);
    await expect(rig.egress.request({ ...call, url: `https://up.test:${port}/long` })).rejects.toThrow(/longer than 1000 bytes/);
    const stop = new AbortController();
    const waiting = rig.egress.request({ ...call, url: `https://up.test:${port}/`, signal: stop.signal });
    const failed = expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    stop.abort();
    await failed;
    const left = expect(rig.egress.request({ ...call, url: `https://up.test:${port}/` })).rejects.toMatchObject({ code: 'egress_failed' });
    await rig.egress[Symbol.asyncDispose]();
    await left;
  });
});
