/** What tests read of `/openapi.json`. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

interface Parameter {
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Documented {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** One operation of the API. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  /** `/v1/sandboxes/{id}` */
  readonly path: string;
  readonly query: readonly { readonly name: string; readonly required: boolean; readonly schema: Schema }[];
  readonly body?: { readonly mediaType: string; readonly schema: Schema };
}

/** Every operation that a server says it has: what is added later is among them without anybody thinking of it. */
export async function documentedOperations(url: string): Promise<{ readonly operations: readonly Operation[]; readonly schemas: Readonly<Record<string, Schema>> }> {
  const { paths, components } = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, documented]) => operationOf(method.toUpperCase(), path, documented)));
  return { operations, schemas: components.schemas };
}

function operationOf(method: string, path: string, { operationId, parameters = [], requestBody }: Documented): Operation {
  const query = parameters.flatMap(({ name = '', in: place, required = false, schema = {} }) => (place === 'query' ? [{ name, required, schema }] : []));
  const [content] = Object.entries(requestBody?.content ?? {});
  return { id: operationId, method, path, query, ...(content === undefined ? {} : { body: { mediaType: content[0], schema: content[1].schema } }) };
}

/** `/v1/sandboxes/{id}` with its names in braces filled in, as they are. */
export function filled(path: string, value: (name: string) => string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => value(name));
}
