import type { PolicyDocument, PolicyRule } from '../../contracts/index.ts';

export type DocumentPath = readonly (string | number)[];

/** One policy file. What a policy extends are the layers below it; each is judged by itself. */
export interface Layer {
  readonly document: PolicyDocument;
  readonly file: string;
  /** The line, from 1, where that part of the document stands. */
  lineOf(path: DocumentPath): number;
  /** What stands in `rules.cedar` beside it. */
  readonly raw?: readonly RawRule[];
}

/** A rule that was written in Cedar. */
export interface RawRule extends PolicyRule {
  /** One `forbid`, as it was written. */
  readonly cedar: string;
  /** Its meaning, without comments and layout, for the policy's hash. */
  readonly meaning: unknown;
  /** Of its annotation `@reason`. */
  readonly reason: string | undefined;
  /** Undefined where it speaks of all. */
  readonly actions: readonly string[] | undefined;
}

/** A layer with its number: 0 is the nearest to the session. */
export interface PlacedLayer extends Layer {
  readonly level: number;
}

/** `['commands', 'deny', 0]` → `commands.deny[0]`. */
export function ruleName(path: DocumentPath): string {
  return path.reduce<string>((name, part) => (typeof part === 'number' ? `${name}[${part}]` : name === '' ? part : `${name}.${part}`), '');
}
