import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** What of a document is looked at here. */
interface Operation {
  readonly tags?: readonly string[];
  readonly responses: Record<string, { description?: string; readonly $ref?: string }>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const WRITING: ReadonlySet<string> = new Set(['post', 'put', 'patch', 'delete']);

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: 256 },
  description: 'of your choice, for 24 hours: the same request again with it is not done again, and has the same answer; another request with it is refused (422 key_reused)',
};

/** What else than what its route says an operation may be answered with. */
const REFUSALS = {
  '400': { name: 'BadRequest', description: 'The request does not fit; `issues` says what of it' },
  '401': { name: 'Unauthenticated', description: 'No key, or one that is none, or no more' },
  '403': { name: 'Denied', description: 'No role of yours lets you, or policy does not' },
  '404': { name: 'NotFound', description: 'It is not there, or not yours' },
  '409': { name: 'Conflict', description: 'Not now: the same request is under way, or somebody was first' },
  '422': { name: 'Unprocessable', description: 'It was understood, and cannot be done' },
  '429': { name: 'TooMany', description: 'A limit is reached; `Retry-After` says when to come again, where that can be said' },
  '503': { name: 'Unavailable', description: 'Not at the moment; `Retry-After` says when to come again, where that can be said' },
  default: { name: 'Failed', description: 'Any other error' },
} as const;
const FOR_WRITES: ReadonlySet<string> = new Set(['409', '422']);

/** `/openapi.json`, made of the very schemas that routes check and type by, and `/docs`. */
export async function documents(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'glovebox', version, description: 'Runs code that nobody has read yet: sealed sandboxes, decided by policy and written down.', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      servers: [{ url: '/' }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'an API key, or a token of the identity provider' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
    // The same object, with its parts: what is added is plain OpenAPI, which the types of the plugin are only near to.
    transformObject: (given) => completed(jsonSchemaTransformObject(given) as Completed) as ReturnType<typeof jsonSchemaTransformObject>,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

interface Completed {
  readonly paths?: Paths;
  readonly components?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** With what holds for every operation: how it is refused, and the key by which a write is done once. */
function completed(document: Completed): Completed {
  const { paths = {}, components = {} } = document;
  const refused = Object.entries(paths).map(([path, operations]) => [path, Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method, withRefusals(path, method, operation)]))] as const);
  const responses = Object.fromEntries(Object.entries(REFUSALS).map(([status, { name, description }]) => [name, problemResponse(description, status === '429' || status === '503')]));
  const whole = { ...document, paths: Object.fromEntries(refused), components: { ...components, responses, parameters: { IdempotencyKey: IDEMPOTENCY_KEY } } };
  return { ...whole, components: { ...whole.components, schemas: used(components['schemas'] ?? {}, JSON.stringify([whole.paths, responses])) } };
}

function withRefusals(path: string, method: string, operation: Operation): Operation & { readonly parameters?: readonly unknown[] } {
  const { responses, ...rest } = operation;
  if (!path.startsWith('/v1/')) return { ...rest, security: [], responses: { ...described(responses) } } as Operation;
  const isWrite = WRITING.has(method);
  const fitting = Object.entries(REFUSALS).filter(([status]) => (status !== '404' || path.includes('{')) && (isWrite || !FOR_WRITES.has(status)));
  const refusals = Object.fromEntries(fitting.map(([status, { name }]) => [status, { $ref: `#/components/responses/${name}` }]));
  const { parameters = [] } = rest as { parameters?: readonly unknown[] };
  return { ...rest, ...(isWrite ? { parameters: [...parameters, { $ref: '#/components/parameters/IdempotencyKey' }] } : parameters.length === 0 ? {} : { parameters }), responses: { ...described(responses), ...refusals } };
}

const OUTCOMES: Readonly<Record<string, string>> = { '200': 'Done', '201': 'Made', '202': 'Taken: it is done after this answer', '204': 'Done' };

function described(responses: Operation['responses']): Operation['responses'] {
  return Object.fromEntries(Object.entries(responses).map(([status, response]) => [status, response.description === 'Default Response' ? { ...response, description: OUTCOMES[status] ?? 'Done' } : response]));
}

function problemResponse(description: string, isForNow: boolean): object {
  const headers = isForNow ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'seconds' } } } : {};
  return { description, ...headers, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}

/** Without the schemas that nothing leads to: each is made for input and for output, and most are for one of these. */
function used(schemas: Readonly<Record<string, unknown>>, text: string): Readonly<Record<string, unknown>> {
  const found = new Set<string>();
  const look = (within: string): void => {
    for (const [, name = ''] of within.matchAll(/#\/components\/schemas\/([\w.-]+)/g)) {
      if (found.has(name)) continue;
      found.add(name);
      look(JSON.stringify(schemas[name] ?? {}));
    }
  };
  look(text);
  return Object.fromEntries(Object.entries(schemas).filter(([name]) => found.has(name)));
}
