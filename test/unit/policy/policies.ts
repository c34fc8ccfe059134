import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { PolicyFile } from '../../../src/contracts/index.ts';
import { FilePolicies } from '../../../src/policy/index.ts';

/** A folder of policies for one test: name → YAML. */
export function policyFolder(documents: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-policies-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(documents)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'policy.yaml'), text);
  }
  return folder;
}

/** The policy of a YAML text, whose name is `p`; more policies may stand beside it to be extended. */
export function policyOf(text: string, others: Readonly<Record<string, string>> = {}): Promise<PolicyFile> {
  return new FilePolicies([policyFolder({ p: `name: p\n${text}`, ...others })]).load('p');
}
