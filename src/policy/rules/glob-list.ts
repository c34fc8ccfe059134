import type { Effect } from '../../contracts/index.ts';
import { globCondition, type Subject } from '../cedar/glob-condition.ts';
import { type CedarRule, type Facts, placedRule, ruleId } from '../cedar/rule.ts';
import { anyOf, quote, setOf } from '../cedar/text.ts';
import type { DocumentPath, PlacedLayer } from '../document/layer.ts';
import { Glob } from '../glob.ts';

/** Facts about one text that patterns are held against. */
export interface TextFacts extends Facts {
  readonly text: string;
}

interface Entry {
  readonly glob: Glob;
  readonly path: DocumentPath;
  readonly condition: string;
  /** Under this id in `context.fits`, where Cedar cannot say the pattern. */
  readonly fact: string | undefined;
}

/** A list of patterns of one layer, for one text among the facts. */
export class GlobList {
  readonly #layer: PlacedLayer;
  readonly #path: DocumentPath;
  readonly #entries: readonly Entry[];

  constructor(layer: PlacedLayer, path: DocumentPath, globs: readonly string[], subject: Subject) {
    this.#layer = layer;
    this.#path = path;
    this.#entries = globs.map((text, i) => {
      const glob = new Glob(text, subject.depth === undefined ? 'name' : 'path');
      const id = ruleId(layer, [...path, i]);
      const condition = globCondition(glob, subject);
      return { glob, path: [...path, i], condition: condition ?? `context.fits.contains(${quote(id)})`, fact: condition === undefined ? id : undefined };
    });
  }

  /** A rule for each pattern, against what fits it. */
  against(says: Effect): CedarRule<TextFacts>[] {
    return this.#entries.map(({ glob, path, condition }) => placedRule(this.#layer, path, { says, when: condition, texts: ({ text }) => [`${text} fits ${glob.text}`] }));
  }

  /** The same, and against folders that hold what is named: a folder does not go while something in it must stay. */
  againstHolders(says: Effect): CedarRule<TextFacts>[] {
    return this.#entries.map(({ glob, path, condition }) => {
      const folders = glob.holders();
      const when = folders.length === 0 ? condition : anyOf([condition, `${setOf(folders)}.contains(context.path)`]);
      return placedRule(this.#layer, path, { says, when, texts: ({ text }) => [glob.reachesInto(text) ? `${text} holds what is named by ${glob.text}` : `${text} fits ${glob.text}`] });
    });
  }

  /** What fits no pattern, and nothing of these, is denied. */
  closing<F extends Facts>(textOf: (facts: F) => string, others: readonly string[] = []): CedarRule<F> {
    const conditions = [...others, ...this.#entries.map(({ condition }) => condition)];
    const closed = conditions.length === 0 ? {} : { unless: anyOf(conditions) };
    return placedRule(this.#layer, this.#path, { says: 'deny', ...closed, texts: (facts) => [`${textOf(facts)} fits none of the list`] });
  }

  /** What fits no pattern is denied; a permit for each pattern. */
  admitting(): CedarRule<TextFacts>[] {
    const list = ruleId(this.#layer, this.#path);
    return [
      this.closing(({ text }) => text),
      ...this.#entries.map(({ glob, path, condition }) => placedRule<TextFacts>(this.#layer, path, { says: 'allow', when: condition, list, texts: ({ text }) => [`${text} fits ${glob.text}`] })),
    ];
  }

  /** What belongs into `context.fits`. */
  fitting(text: string): string[] {
    return this.#entries.flatMap(({ glob, fact }) => (fact !== undefined && glob.matches(text) ? [fact] : []));
  }
}

/** The lists that layers state, nearest first. */
export function statedLists(layers: readonly PlacedLayer[], path: DocumentPath, read: (layer: PlacedLayer) => readonly string[] | undefined, subject: Subject): readonly GlobList[] {
  return layers.flatMap((layer) => {
    const globs = read(layer);
    return globs === undefined ? [] : [new GlobList(layer, path, globs, subject)];
  });
}
