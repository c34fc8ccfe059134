import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { policyDocument } from '../src/contracts/index.ts';

/** The JSON Schema that editors complete policies by. */
export function policySchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(policyDocument, { io: 'input' });
  return `${JSON.stringify({ $schema, title: 'A glovebox policy', ...schema }, null, 2)}\n`;
}

// Run as a program it writes the schema to its place.
if (import.meta.main) writeFileSync(join(import.meta.dirname, '..', 'policies', 'schema.json'), policySchema());
