import type { Document, LineCounter, Node } from 'yaml';
import type { DocumentPath } from './layer.ts';
import { yaml } from './yaml.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where the parts of a YAML document stand. */
export class Positions {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** Of a part; of the nearest part around it, where there is none. A list or mapping stands where its key does. */
  of(path: DocumentPath): Position {
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? 0;
    for (const part of path) {
      const child = this.#child(node, part);
      if (child === undefined) break;
      offset = child.offset;
      node = child.node;
    }
    return this.at(offset);
  }

  /** Of a key in the mapping at `path`, whatever its value. */
  ofKey(path: DocumentPath, key: string): Position {
    let node: unknown = this.#document.contents;
    for (const part of path) node = this.#child(node, part)?.node;
    node = this.#resolve(node);
    const found = yaml().isMap(node) ? node.items.find((item) => keyText(item.key) === key) : undefined;
    return found === undefined ? this.of(path) : this.at(startOf(found.key) ?? 0);
  }

  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #child(parent: unknown, part: string | number): { node: unknown; offset: number } | undefined {
    const { isMap, isScalar, isSeq } = yaml();
    const node = this.#resolve(parent);
    if (isSeq(node) && typeof part === 'number') {
      const item = node.items[part];
      return item === undefined ? undefined : { node: item, offset: startOf(item) ?? 0 };
    }
    if (!isMap(node)) return undefined;
    const pair = node.items.find((item) => keyText(item.key) === part);
    if (pair === undefined) return undefined;
    const offset = (isScalar(pair.value) ? startOf(pair.value) : undefined) ?? startOf(pair.key) ?? 0;
    return { node: pair.value, offset };
  }

  #resolve(node: unknown): Node | undefined {
    if (!yaml().isNode(node)) return undefined;
    return yaml().isAlias(node) ? node.resolve(this.#document) : node;
  }
}

function startOf(node: unknown): number | undefined {
  return yaml().isNode(node) ? node.range?.[0] : undefined;
}

function keyText(key: unknown): unknown {
  return yaml().isScalar(key) ? String(key.value) : key;
}
