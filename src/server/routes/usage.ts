import { z } from 'zod';
import { BUDGET_SCOPES, monthOf } from '../../contracts/index.ts';
import { copied } from '../shapes.ts';
import type { Api, RouteParts } from './route.ts';

const used = z.object({
  microUsd: z.int().describe('millionths of a US dollar'),
  tokens: z.int().describe('of every class'),
  commands: z.int(),
  programs: z.int().describe('JavaScript in isolates, and calls of interpreters'),
  sandboxes: z.int(),
  sandboxSeconds: z.int().describe('by the clock on the wall'),
});
const amounts = z.object({ microUsd: z.int(), tokens: z.int() });
const budget = z.object({ scope: z.enum(BUDGET_SCOPES), name: z.string(), limit: amounts.partial().describe('no bound on what is not in it'), used: amounts });
const warnings = z.array(budget.extend({ period: z.string().describe('its month or day'), timeMs: z.int() })).describe('budgets of which four fifths were used, when they were');
const usage = z.object({ tenant: z.string(), month: z.string(), total: used, users: z.array(used.extend({ user: z.string() })), warnings }).meta({ id: 'Usage' });
const budgets = z
  .object({
    tenant: z.string(),
    month: z.string(),
    accounts: z.array(budget.extend({ reserved: amounts.describe('what calls that are under way may use at worst') })).describe('days only of the month that is now'),
    open: z.int().describe('calls that are under way'),
    unknown: z.int().describe('calls that are counted at the worst case, because nobody can tell what became of them'),
    warnings,
  })
  .meta({ id: 'Budgets' });

/** What a tenant used, and what it may: readings of the journal. */
export function usageRoutes(api: Api, { ports, demand }: RouteParts): void {
  const query = z.object({ month: z.string().regex(/^\d{4}-(?:0[1-9]|1[0-2])$/, 'yyyy-mm').optional().describe('of UTC, such as 2026-11; this one where it is left out') });
  const wanted = ({ month = monthOf(ports.clock.now()) }: z.output<typeof query>): string => month;
  const tags = ['usage'];
  api.get('/usage', { schema: { operationId: 'getUsage', tags, summary: 'What your tenant and its users used in a month', querystring: query, response: { 200: usage } } }, async ({ principal, query: asked }) => {
    demand(principal, 'read');
    return copied(usage, await ports.usage.of(principal.tenant, wanted(asked)));
  });
  api.get('/budgets', { schema: { operationId: 'getBudgets', tags, summary: 'What models cost your tenant and its users in a month, what is put aside, and what they may use', querystring: query, response: { 200: budgets } } }, async ({ principal, query: asked }) => {
    demand(principal, 'read');
    return copied(budgets, await ports.budgets.accounts(principal.tenant, wanted(asked)));
  });
}
