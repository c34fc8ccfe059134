import { GloveboxError, policyDocument } from '../../contracts/index.ts';
import type { Layer } from './layer.ts';
import { meaningProblems } from './meaning.ts';
import { readYaml } from './read-yaml.ts';

/** Reads one policy file. Errors: `policy_invalid`, as `readYaml`. */
export function readPolicy(text: string, file: string): Layer {
  const { content, positions } = readYaml(text, file, policyDocument, meaningProblems);
  return { document: content, file, lineOf: (path) => positions.of(path).line };
}

/** A problem between policies, at one place of one of them. */
export function invalidAt(layer: Layer, path: readonly (string | number)[], text: string): GloveboxError {
  const line = layer.lineOf(path);
  return new GloveboxError('policy_invalid', `${layer.file}:${line}: ${text}`, { details: { file: layer.file, line } });
}
