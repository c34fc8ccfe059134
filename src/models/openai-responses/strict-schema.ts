import { z } from 'zod';

const objectSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
  additionalProperties: z.literal(false),
});
const arraySchema = z.looseObject({ type: z.literal('array'), items: z.unknown() });
const unionSchema = z.looseObject({ anyOf: z.array(z.unknown()) });
const scalarSchema = z.looseObject({ type: z.enum(['string', 'number', 'integer', 'boolean', 'null']) });

/** Refused in strict mode, wherever they stand. */
const UNSUPPORTED = ['allOf', 'oneOf', 'not', 'if', 'patternProperties', 'minLength', 'maxLength', 'default', 'propertyNames', 'uniqueItems'];

/**
 * Whether OpenAI can hold a model to this JSON Schema: every object closed, every property required. A schema with optional
 * properties is offered without that promise, for rewriting it would change what the tool is given.
 * Source: OpenAI's guide to structured outputs, "Supported schemas".
 */
export function canBeStrict(schema: unknown): boolean {
  const keywords = z.looseObject({}).safeParse(schema);
  if (!keywords.success || UNSUPPORTED.some((keyword) => keyword in keywords.data)) return false;
  const object = objectSchema.safeParse(schema).data;
  if (object !== undefined) {
    return Object.entries(object.properties).every(([name, property]) => object.required.includes(name) && canBeStrict(property));
  }
  const array = arraySchema.safeParse(schema).data;
  if (array !== undefined) return canBeStrict(array.items);
  const union = unionSchema.safeParse(schema).data;
  if (union !== undefined) return union.anyOf.every(canBeStrict);
  return scalarSchema.safeParse(schema).success;
}
