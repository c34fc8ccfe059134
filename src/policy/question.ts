import { z } from 'zod';
import { type DecisionRequest, GloveboxError, type PatchFindings, type Policy, principal, REGISTRY_KINDS, type SandboxKind, type Variables, WORKSPACE } from '../contracts/index.ts';

const text = z.string().min(1);
const spending = { usd: z.number().nonnegative().optional(), tokens: z.int().nonnegative().optional(), steps: z.int().nonnegative().optional() };

/** How a person writes a request: one of these keys, for what is to be done. */
export const questionForms = {
  exec: z.union([text, z.array(z.string()).min(1)]).describe('a program and its arguments, or a text for a shell'),
  python: text.describe('code for an interpreter that keeps its state'),
  node: text.describe('code for an interpreter that keeps its state'),
  javascript: z.array(z.enum(['files', 'tools', 'fetch'])).describe('a program in an isolate, and what of the host it may call'),
  read: text.describe('an absolute path in the sandbox'),
  write: text.describe('an absolute path in the sandbox'),
  delete: text.describe('an absolute path in the sandbox'),
  list: text.describe('an absolute path in the sandbox'),
  connect: text.describe('GET https://host/path, https://host, tcp://host:port, or GET npm:/package of a registry'),
  credential: z.strictObject({ id: text, to: text, in: z.enum(['header', 'query', 'body']).optional() }).describe('a credential, and the request it is to go with'),
  tool: text.describe('the name of a tool'),
  model: z.union([text, z.strictObject({ name: text, host: z.string().optional(), ...spending, spent: z.strictObject(spending).optional() })]).describe('provider:model; the host that the call goes to, what it may cost at worst, and what is spent'),
  export: z
    .union([
      z.array(text),
      z.strictObject({ paths: z.array(text), bytes: z.int().nonnegative().optional(), secrets: z.array(text).optional(), binaries: z.array(text).optional(), links: z.array(text).optional(), canaries: z.array(text).optional() }),
    ])
    .describe('paths of a patch, relative to the repository; what was found in it'),
  open: z
    .strictObject({
      image: text.optional(),
      kinds: z.array(z.enum(['gvisor', 'container', 'process'])).optional(),
      limits: z.partialRecord(z.enum(['cpu', 'memoryBytes', 'pids', 'diskBytes', 'inodes', 'openFiles']), z.number()).optional(),
    })
    .describe('what a session asks for; what the policy lends by default'),
} as const;

export type QuestionKey = keyof typeof questionForms;
/** All of them, of which a question has one. */
export const questionFields = Object.fromEntries(Object.entries(questionForms).map(([key, form]) => [key, form.optional()])) as { [K in QuestionKey]: z.ZodOptional<(typeof questionForms)[K]> }; // each key with its own form
/** What names in braces stand for: `{ owner: acme }`. */
export const questionVariables = z.record(z.string().regex(/^[a-z_]+$/), z.string()).describe('what names in braces stand for: { owner: acme }');
/** Whose session asks; what is left out is nobody's. */
export const asker = z.strictObject({ tenant: principal.shape.tenant.default(''), name: principal.shape.name.default(''), roles: principal.shape.roles.default([]) }).describe('who asks: tenant, name, roles');
export const QUESTION_KEYS = Object.keys(questionForms) as readonly QuestionKey[];
export type Question = { readonly [K in QuestionKey]?: z.output<(typeof questionForms)[K]> | undefined };

/** No rule looks at it. */
const NO_SOURCE = `sha256:${'0'.repeat(64)}`;

/** The one request that a question stands for, in a session with these variables. Errors: `usage`, with what was expected. */
export function requestOf(question: Question, policy: Policy, variables: Variables = {}): DecisionRequest {
  const { exec, javascript, connect, credential, tool, model, export: exported, open } = question;
  if (exec !== undefined) return { action: 'command.exec', argv: typeof exec === 'string' ? ['sh', '-c', exec] : exec, cwd: WORKSPACE };
  const code = question.python ?? question.node;
  if (code !== undefined) return { action: 'context.run', language: question.python === undefined ? 'javascript' : 'python', code, cwd: WORKSPACE };
  if (javascript !== undefined) return { action: 'javascript.run', language: 'javascript', source: NO_SOURCE, functions: javascript };
  for (const operation of ['read', 'write', 'delete', 'list'] as const) {
    const path = question[operation];
    if (path !== undefined) return { action: `file.${operation}`, path };
  }
  const bound = policy.grant.variables.length === 0 ? {} : { variables };
  if (connect !== undefined) return { action: 'network.connect', ...destination(connect), ...bound };
  if (credential !== undefined) {
    const { scheme, host, port, method, path } = destination(credential.to);
    if (scheme !== 'http' && scheme !== 'https') throw new GloveboxError('usage', `credential: expected a request such as GET https://host/path, found ${JSON.stringify(credential.to)}`);
    return { action: 'credential.use', credential: credential.id, place: credential.in ?? 'header', scheme, host, port, method: method ?? 'GET', path: path ?? '/', ...bound };
  }
  if (tool !== undefined) return { action: 'tool.call', tool, version: '1' };
  if (model !== undefined) return modelCall(typeof model === 'string' ? { name: model } : model);
  if (exported !== undefined) return exportOf(Array.isArray(exported) ? { paths: exported } : exported);
  if (open !== undefined) return { action: 'session.open', image: open.image ?? policy.grant.image, kinds: open.kinds ?? kindsOf(policy), limits: { ...policy.grant.sandbox, ...open.limits } };
  throw new GloveboxError('usage', `expected one of ${QUESTION_KEYS.join(', ')}`);
}

/** A session asks for one of those that it may have. */
function kindsOf(policy: Policy): readonly SandboxKind[] {
  return policy.grant.kinds.slice(0, 1);
}

/** A request in a line, as it would be asked. */
export function sayRequest(request: DecisionRequest): string {
  switch (request.action) {
    case 'session.open':
      return `open ${request.image} as ${request.kinds.join(' or ')}, ${Object.entries(request.limits)
        .map(([limit, value]) => `${limit} ${value}`)
        .join(', ')}`;
    case 'command.exec':
      return `exec ${request.argv.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')}`;
    case 'context.run':
      return `${request.language === 'python' ? 'python' : 'node'} ${JSON.stringify(request.code)}`;
    case 'javascript.run':
      return `javascript ${request.functions.join(' ')}`.trim();
    case 'network.connect':
      return `connect ${request.method === undefined ? '' : `${request.method} `}${request.scheme}://${request.host}:${request.port}${request.path ?? ''}`;
    case 'credential.use':
      return `credential ${request.credential} in the ${request.place} of ${request.method} ${request.scheme}://${request.host}:${request.port}${request.path}`;
    case 'tool.call':
      return `tool ${request.tool}`;
    case 'model.call':
      return `model ${request.provider}:${request.model}${(request.host ?? '') === '' ? '' : ` at ${request.host}`}, at worst ${request.worstCase.usd} USD after ${request.spent.usd}`;
    case 'export.patch':
      return `export ${request.paths.join(' ')} (${request.bytes} bytes)${sayFindings(request.found)}`;
    default:
      return `${request.action.slice('file.'.length)} ${request.path}`;
  }
}

function sayFindings(found: PatchFindings | undefined): string {
  return Object.entries(found ?? {}).flatMap(([what, list]: [string, readonly string[]]) => (list.length === 0 ? [] : [`, ${what}: ${list.join(', ')}`])).join('');
}

type Connect = Extract<DecisionRequest, { action: 'network.connect' }>;
const DESTINATION = /^(?:([A-Za-z]+) +)?(https?|wss?|tcp):\/\/(\[[^\]]*\]|[^/:]*)(?::(\d{1,5}))?(\/.*)?$/;
const AT_A_REGISTRY = /^(?:([A-Za-z]+) +)?([a-z]+):(\/(?!\/).*)?$/;
const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 };

/** Not by `URL`: that would tidy up what policy has to see as it is. */
function destination(line: string): Omit<Connect, 'action'> {
  const [, verb = 'GET', kind, below = '/'] = AT_A_REGISTRY.exec(line) ?? [];
  const registry = REGISTRY_KINDS.find((one) => one === kind);
  // Where it is, only the machine knows that a session opens on.
  if (registry !== undefined) return { scheme: 'https', host: `${registry}.invalid`, port: 443, method: verb.toUpperCase(), path: below, registries: [registry] };
  const [, method, scheme = '', host = '', port, path] = DESTINATION.exec(line) ?? [];
  const number = port === undefined ? PORTS[scheme] : Number(port);
  if (host === '' || number === undefined) throw new GloveboxError('usage', `connect: expected such as GET https://host/path or tcp://host:5432, found ${JSON.stringify(line)}`);
  if (scheme === 'tcp') return { scheme, host: unbracketed(host), port: number };
  return { scheme: scheme as 'http' | 'https' | 'ws' | 'wss', host: unbracketed(host), port: number, method: (method ?? 'GET').toUpperCase(), path: path ?? '/' };
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

type ExportQuestion = Exclude<NonNullable<Question['export']>, readonly string[]>;

function exportOf({ paths, bytes = 0, secrets = [], binaries = [], links = [], canaries = [] }: ExportQuestion): DecisionRequest {
  return { action: 'export.patch', paths, bytes, ...(secrets.length + binaries.length + links.length + canaries.length === 0 ? {} : { found: { secrets, binaries, links, ...(canaries.length === 0 ? {} : { canaries }) } }) };
}

type ModelQuestion = Exclude<NonNullable<Question['model']>, string>;

function modelCall({ name, host = '', usd = 0, tokens = 0, steps = 1, spent = {} }: ModelQuestion): DecisionRequest {
  const colon = name.indexOf(':');
  if (colon < 1) throw new GloveboxError('usage', `model: expected provider:model, found ${JSON.stringify(name)}`);
  return {
    action: 'model.call',
    provider: name.slice(0, colon),
    model: name.slice(colon + 1),
    host,
    spent: { usd: spent.usd ?? 0, tokens: spent.tokens ?? 0, steps: spent.steps ?? 0 },
    worstCase: { usd, tokens, steps },
  };
}
