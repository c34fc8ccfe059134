import { findNodeAtLocation, getNodeValue, type JSONPath, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { GloveboxError } from '../../../contracts/index.ts';

/** One thing that is wrong with a file, and where. */
export interface Problem {
  readonly offset: number;
  readonly text: string;
}

const MOST_PROBLEMS = 20;

/** A file of JSON with comments, with the place of everything in it. */
export class JsoncDocument {
  readonly path: string;
  readonly value: unknown;
  readonly #text: string;
  readonly #root: Node;

  /** Errors: `config_invalid` with file, line and column. */
  constructor(path: string, text: string) {
    this.path = path;
    this.#text = text.replace(/^\uFEFF/, '');
    this.#root = this.#parse();
    this.value = getNodeValue(this.#root);
  }

  /** A problem with what lies at a path; with its key, where it has one. */
  problem(path: JSONPath, text: string): Problem {
    const node = findNodeAtLocation(this.#root, path);
    const place = node?.parent?.type === 'property' ? node.parent : (node ?? this.#root);
    return { offset: place.offset, text: path.length === 0 ? text : `${path.join('.')}: ${text}` };
  }

  /** All that is wrong, a line each. */
  invalid(problems: readonly Problem[]): GloveboxError {
    const places = problems.toSorted((a, b) => a.offset - b.offset).map((problem) => ({ ...problem, ...this.#position(problem.offset) }));
    const lines = places.slice(0, MOST_PROBLEMS).map(({ line, column, text }) => `${this.path}:${line}:${column}: ${text}`);
    const [first] = places;
    return new GloveboxError('config_invalid', lines.join('\n'), { details: { path: this.path, line: first?.line ?? 1, column: first?.column ?? 1 } });
  }

  #parse(): Node {
    const errors: ParseError[] = [];
    const root = this.#tree(errors);
    if (errors.length === 0 && root !== undefined) return root;
    throw this.invalid(errors.map(({ error, offset }) => ({ offset, text: inWords(printParseErrorCode(error)) })));
  }

  #tree(errors: ParseError[]): Node | undefined {
    try {
      return parseTree(this.#text, errors, { allowTrailingComma: true });
    } catch {
      // The parser calls itself for each bracket, and a file may be built to exhaust the stack.
      throw this.invalid([{ offset: 0, text: 'the file is nested too deeply' }]);
    }
  }

  #position(offset: number): { line: number; column: number } {
    const before = this.#text.slice(0, offset).split('\n');
    return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  }
}

/** `CommaExpected`: comma expected. */
function inWords(code: string): string {
  return code.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
}
