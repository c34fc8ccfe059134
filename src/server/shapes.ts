import { constants } from 'node:os';
import { z } from 'zod';
import type { Decision } from '../contracts/index.ts';
import type { ServedCommand } from './sandboxes/served-command.ts';
import type { ServedSandbox } from './sandboxes/served-sandbox.ts';

/** Text that goes into paths, environments and arguments of programs: never a NUL. */
export const text = (most: number) => z.string().max(most).regex(/^[^\0]*$/, 'no NUL');
export const path = text(4096).min(1).describe('absolute, in the sandbox');
const milliseconds = z.int().min(1).max(14 * 86_400_000);
const instant = z.int().describe('milliseconds since 1970');
export const environment = z.record(text(256).regex(/^[^=]+$/, 'no ='), text(65_536));

/** Never a path: a client names what the operator has put there. */
export const policyName = z.string().max(128).regex(/^\w[\w.-]*$/, 'the name of a policy').describe('by name');

const sandboxKind = z.enum(['gvisor', 'container', 'process']);

/** The hash of what is in it. */
export const snapshotId = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256:…, as a snapshot is answered with');

export const newSandbox = z.strictObject({
  policy: policyName.default('exec'),
  image: text(512).min(1).optional().describe('instead of the policy’s, where it allows that'),
  kind: sandboxKind.optional(),
  env: environment.optional(),
  snapshot: snapshotId.optional().describe('of your tenant: what its workspace begins with'),
  labels: z.record(text(64), text(256)).default({}).describe('yours, to find it again'),
  session: z.strictObject({ wallMs: milliseconds.optional(), idleMs: milliseconds.optional() }).optional().describe('shorter than the policy lends'),
  limits: z
    .strictObject({ cpu: z.number().positive().optional(), memoryBytes: z.int().positive().optional(), pids: z.int().positive().optional(), diskBytes: z.int().positive().optional(), inodes: z.int().positive().optional(), openFiles: z.int().positive().optional() })
    .optional()
    .describe('smaller than the policy lends'),
});

export const sandbox = z
  .object({
    id: z.string(),
    session: z.string(),
    kind: sandboxKind,
    image: z.string().describe('what was started: a digest, or host'),
    policy: z.object({ name: z.string(), hash: z.string(), mode: z.enum(['enforce', 'observe']) }),
    limitsAre: z.enum(['hard', 'soft']),
    state: z.enum(['running', 'paused']),
    createdMs: instant,
    expiresMs: instant.describe('at the latest'),
    labels: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Sandbox' });

const argv = z.tuple([text(65_536).min(1)], text(131_072));

export const newCommand = z
  .strictObject({
    argv: argv.optional().describe('the program and its arguments; no shell'),
    shell: text(131_072).min(1).optional().describe('instead of argv: run by `sh -lc`, which is what policy sees'),
    cwd: path.optional(),
    env: environment.optional(),
    stdin: z.string().max(1_048_576).optional().describe('all that it reads; for more, write to its stdin while it runs (`openStdin`)'),
    openStdin: z.boolean().default(false),
    limits: z.strictObject({ wallMs: milliseconds.optional(), cpuMs: milliseconds.optional(), outputBytes: z.int().positive().optional() }).optional().describe('less than the policy lends'),
    terminal: z.strictObject({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000), term: z.string().max(64).optional() }).optional().describe('one of its own, to be connected to at /pty; needs `background`'),
    background: z.boolean().default(false).describe('answer at once, and let it go on when this client has gone'),
  })
  .refine(({ argv: given, shell }) => (given === undefined) !== (shell === undefined), { message: 'either argv or shell' })
  .refine(({ stdin, openStdin }) => stdin === undefined || !openStdin, { message: 'either stdin or openStdin' })
  .refine(({ terminal, background, stdin }) => terminal === undefined || (background && stdin === undefined), { message: 'a terminal needs background, and no stdin' });

export const signalName = z.enum(Object.keys(constants.signals) as [NodeJS.Signals, ...NodeJS.Signals[]]);

const count = z.number().nonnegative();
export const commandEnd = z
  .object({
    cause: z.enum(['exited', 'signalled', 'timeout', 'cpu_time', 'output', 'memory', 'disk', 'cancelled', 'policy', 'not_started', 'lost']),
    exitCode: z.int().optional(),
    signal: z.string().optional(),
    startError: z.string().optional(),
    limitsHit: z.array(z.enum(['pids', 'disk', 'inodes', 'file_size'])),
    oomKills: z.object({ count, blame: z.enum(['certain', 'shared']) }),
    tree: z.enum(['dead', 'unproven']),
    markerLost: z.boolean(),
    usage: z.object({ wallMs: count, userMs: count, systemMs: count, maxRssBytes: count }),
    output: z.object({ stdoutBytes: count, stderrBytes: count, droppedBytes: count, lostBytes: count }),
  })
  .meta({ id: 'CommandEnd' });

const reason = z.object({ effect: z.enum(['allow', 'deny', 'ask']), rule: z.string(), file: z.string().optional(), line: z.int().optional(), text: z.string() });
export const decision = z
  .object({ effect: z.enum(['allow', 'deny', 'ask']), reason, lost: z.array(reason), policy: z.string(), observed: z.literal(true).optional() })
  .meta({ id: 'Decision' });

export const command = z
  .object({
    id: z.string(),
    sandbox: z.string(),
    argv: z.array(z.string()),
    status: z.enum(['running', 'ended']),
    startedMs: instant,
    decision,
    end: commandEnd.optional(),
    stdout: z.string().optional().describe('as UTF-8; the middle is cut, with the count said, where it is long'),
    stderr: z.string().optional(),
  })
  .meta({ id: 'Command' });

export const waitMs = z.coerce.number().int().min(0).max(60_000).default(0).describe('how long to wait for its end');

/** In a query. */
export const flag = z.stringbool().meta({ type: 'boolean' }).default(false);

/** Where a stream that broke is gone on with. */
export const lastEventId = z.looseObject({ 'last-event-id': z.string().max(64).optional().describe('of the last event that came: what follows it is sent') });

/** A page of a list, and where the next one begins. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().optional().describe('give it as `cursor` for what follows') });
}

export const pageQuery = z.object({ limit: z.coerce.number().int().min(1).max(200).default(50), cursor: z.string().max(512).optional() });

/** A copy: shapes of zod are mutable, and say `undefined` where ours leave out. */
export function copied<S extends z.ZodType>(_shape: S, value: unknown): z.output<S> {
  return structuredClone(value) as z.output<S>;
}

/** As it is: it is written out, and nobody changes it on the way. */
export function decisionBody(decided: Decision): z.output<typeof decision> {
  return decided as z.output<typeof decision>;
}

export function sandboxBody(served: ServedSandbox): z.output<typeof sandbox> {
  const { governed, session, isPaused } = served;
  const { name, hash, mode } = session.policy;
  return { id: served.id, session: session.id, kind: governed.kind, image: governed.image, policy: { name, hash, mode }, limitsAre: governed.limitsAre, state: isPaused ? 'paused' : 'running', createdMs: served.createdMs, expiresMs: served.expiresMs, labels: { ...served.labels } };
}

export function commandBody(inside: string, served: ServedCommand, output: { stdout?: string; stderr?: string } = {}): z.output<typeof command> {
  const { end } = served;
  const plain = { id: served.id, sandbox: inside, argv: [...served.argv], status: end === undefined ? ('running' as const) : ('ended' as const), startedMs: served.startedMs, decision: decisionBody(served.decision) };
  return { ...plain, ...(end === undefined ? {} : { end: end as z.output<typeof commandEnd> }), ...output };
}
