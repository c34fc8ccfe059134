import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { notificationsDocument, policyDocument } from '../src/contracts/index.ts';

/** The JSON Schema that editors complete policies by. */
export function policySchema(): string {
  return schemaOf('A glovebox policy', policyDocument);
}

/** The same for notifications.yaml. */
export function notificationsSchema(): string {
  return schemaOf('How glovebox tells people', notificationsDocument);
}

function schemaOf(title: string, document: z.ZodType): string {
  const { $schema, ...schema } = z.toJSONSchema(document, { io: 'input' });
  return `${JSON.stringify({ $schema, title, ...schema }, null, 2)}\n`;
}

// Run as a program it writes the schemas to their places.
if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  writeFileSync(join(root, 'policies', 'schema.json'), policySchema());
  writeFileSync(join(root, 'deploy', 'notifications.schema.json'), notificationsSchema());
}
