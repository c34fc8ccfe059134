import type { Effect, PolicyDocument, Reason } from '../../contracts/index.ts';

export type DocumentPath = readonly (string | number)[];

/** One policy file. What a policy extends are the layers below it; each is judged by itself. */
export interface Layer {
  readonly document: PolicyDocument;
  readonly file: string;
  /** The line, from 1, where that part of the document stands. */
  lineOf(path: DocumentPath): number;
}

/** A rule of a layer that speaks. */
export function reasonOf(layer: Layer, effect: Effect, path: DocumentPath, text: string): Reason {
  return { effect, rule: ruleName(path), file: layer.file, line: layer.lineOf(path), text };
}

/** `['commands', 'deny', 0]` → `commands.deny[0]`. */
export function ruleName(path: DocumentPath): string {
  return path.reduce<string>((name, part) => (typeof part === 'number' ? `${name}[${part}]` : name === '' ? part : `${name}.${part}`), '');
}
