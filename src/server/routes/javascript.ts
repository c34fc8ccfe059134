import { z } from 'zod';
import type { ProgramSessions } from '../sandboxes/program-sessions.ts';
import { decision, decisionBody, policyName } from '../shapes.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const tags = ['javascript'];
const program = z.strictObject({
  source: z.string().min(1).max(8 * 1_048_576),
  language: z.enum(['javascript', 'typescript']).default('javascript'),
  form: z.enum(['module', 'script']).default('module'),
  args: z.array(z.unknown()).max(64).default([]),
  policy: policyName.default('js'),
  limits: z.strictObject({ wallMs: z.int().positive().optional(), cpuMs: z.int().positive().optional(), outputBytes: z.int().positive().optional() }).optional(),
});

const end = z
  .object({
    id: z.string(),
    cause: z.string().describe('returned, threw, timeout, cpu_time, memory, output, unclonable, cancelled, policy, not_started, lost'),
    result: z.unknown().optional().describe('JSON'),
    error: z.object({ name: z.string(), message: z.string(), stack: z.string().optional() }).optional(),
    console: z.array(z.object({ level: z.string(), text: z.string() })),
    usage: z.object({ wallMs: z.number(), cpuMs: z.number(), memoryBytes: z.number() }),
    decision,
  })
  .meta({ id: 'JavaScriptEnd' });

/** Programs in isolates: no container is started for them. */
export function javaScriptRoutes(api: Api, { programs, demand }: RouteParts & { readonly programs: ProgramSessions }): void {
  api.post('/javascript', { schema: { operationId: 'runJavaScript', tags, summary: 'Run a program and give its result', body: program, response: { 200: end } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const { policy, limits, ...asked } = request.body;
    const console: { level: string; text: string }[] = [];
    const session = await programs.of(policy, request.principal);
    const kept = Object.fromEntries(Object.entries(limits ?? {}).filter(([, value]) => value !== undefined));
    const running = await session.javascript({ ...asked, limits: kept, signal: clientGone(reply), onConsole: ({ level, text }) => void console.push({ level, text }) });
    const { cause, result, error, usage } = running.end;
    return {
      id: running.id,
      cause,
      console,
      usage,
      decision: decisionBody(running.decision),
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
  });
}
