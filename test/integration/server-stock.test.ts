import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Policy } from '../../src/contracts/index.ts';
import { Session } from '../../src/session/index.ts';
import { servingHere } from '../support/server.ts';

const GiB = 2 ** 30;

test('sandboxes that stand ready under one policy are handed out under it, and under no other, however alike', async () => {
  const { services, home } = await servingHere({ stock: { ceiling: 4 } });
  const pool = services.forMany();
  const signal = AbortSignal.timeout(60_000);
  const policyOf = async (name: string, more = ''): Promise<Policy> => {
    mkdirSync(join(home, name));
    writeFileSync(join(home, name, 'policy.yaml'), `name: ${name}\nsandbox: { image: base, kinds: [process] }\nlimits: { memory: 256MiB, disk: 64MiB }\n${more}`);
    return services.policies.load(join(home, name, 'policy.yaml'));
  };
  const one = await policyOf('one');
  const other = await policyOf('other');
  const networked = await policyOf('networked', 'network: [{ host: up.test, port: 8080 }, { host: up.test }]\n');
  await services.keepReady(one, 1, signal);
  await services.keepReady(networked, 1, signal);
  expect(pool.served()).toEqual({ hits: 0, misses: 0 });
  for (const [policy, hits, misses] of [
    [other, 0, 1],
    [one, 1, 1],
    [networked, 2, 1],
  ] as const) {
    await using session = await Session.open({ ...services.sessionPorts(), sandboxes: pool }, { principal: services.principal, policy });
    await session.sandbox('test');
    expect(pool.served(), policy.name).toEqual({ hits, misses });
  }
  // What was taken is made again.
  const readyUnder = ({ hash }: Policy): number => pool.stock().reduce((sum, { policy, ready }) => sum + (policy === hash ? ready : 0), 0);
  await vi.waitFor(() => expect([one, networked].map(readyUnder)).toEqual([1, 1]), 20_000);
});

test('where there is no room more are refused with a time to come back', async () => {
  const server = await servingHere({ stock: { memoryBytes: 2.5 * GiB, maxWaitMs: 300 } });
  const opened = [await server.as().sandbox(), await server.as().sandbox()];
  const refused = await server.as().call('POST', '/v1/sandboxes', { kind: 'process', policy: 'exec' });
  expect(refused).toMatchObject({ status: 429, body: { code: 'admission_full', details: { retryAfterSeconds: expect.any(Number) as number } } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await server.as().call('DELETE', `/v1/sandboxes/${opened[0]}`)).status).toBe(204);
  await server.as().sandbox();
});
