import { z } from 'zod';
import type { Api, RouteParts } from './route.ts';

const used = z.object({
  microUsd: z.int().describe('millionths of a US dollar'),
  tokens: z.int().describe('of every class'),
  commands: z.int(),
  programs: z.int().describe('JavaScript in isolates, and calls of interpreters'),
  sandboxes: z.int(),
  sandboxSeconds: z.int().describe('by the clock on the wall'),
});
const usage = z.object({ tenant: z.string(), month: z.string(), total: used, users: z.array(used.extend({ user: z.string() })) }).meta({ id: 'Usage' });

/** What a tenant used: a reading of the journal. */
export function usageRoutes(api: Api, { ports, demand }: RouteParts): void {
  const query = z.object({ month: z.string().regex(/^\d{4}-(?:0[1-9]|1[0-2])$/, 'yyyy-mm').optional().describe('of UTC, such as 2026-11; this one where it is left out') });
  api.get('/usage', { schema: { operationId: 'getUsage', tags: ['usage'], summary: 'What your tenant and its users used in a month', querystring: query, response: { 200: usage } } }, async ({ principal, query: { month } }) => {
    demand(principal, 'read');
    const { users, total, ...report } = await ports.usage.of(principal.tenant, month ?? new Date(ports.clock.now()).toISOString().slice(0, 7));
    return { ...report, total: { ...total }, users: users.map((user) => ({ ...user })) };
  });
}
