import type { DecisionRequest, Reason } from '../../contracts/index.ts';
import type { Layer } from '../document/layer.ts';
import { reasonOf } from '../document/layer.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';
import { type GlobList, statedLists } from './glob-list.ts';

type ExportRequest = Extract<DecisionRequest, { action: 'export.patch' }>;

/** `export`, and `files.review` with it: what a patch may hold when it leaves. Paths are relative to the repository. */
export class ExportRules {
  readonly #layers: readonly Layer[];
  readonly #deny: readonly GlobList[];
  readonly #ask: readonly GlobList[];

  constructor(layers: readonly Layer[]) {
    this.#layers = layers.filter((layer) => layer.document.export !== undefined);
    this.#deny = statedLists(layers, ['export', 'deny'], (layer) => layer.document.export?.deny);
    this.#ask = [
      ...statedLists(layers, ['export', 'ask'], (layer) => layer.document.export?.ask),
      ...statedLists(layers, ['files', 'review'], (layer) => layer.document.files?.review),
    ];
  }

  judge({ paths, bytes }: ExportRequest): Reasons {
    const odd = paths.find((path) => !isCanonical(path));
    if (odd !== undefined) return byDefault('deny', `${JSON.stringify(odd)} is not a path inside the repository`);
    const reasons = [
      // A default that refuses is a reason like others: `files.review` alone lets nothing out.
      ...(this.#layers.length === 0 ? CLOSED : []),
      ...this.#layers.flatMap((layer) => judgeSize(layer, paths.length, bytes)),
      ...paths.flatMap((path) => this.#deny.flatMap((list) => list.matching('deny', path))),
      ...paths.flatMap((path) => this.#ask.flatMap((list) => list.matching('ask', path))),
    ];
    return orDefault(reasons, OPEN);
  }
}

const CLOSED = byDefault('deny', 'this policy lets no patch out: it has no export');
const OPEN = byDefault('allow', 'no rule for exports refuses it');

function judgeSize(layer: Layer, files: number, bytes: number): Reason[] {
  const { max_files: maxFiles, max_bytes: maxBytes } = layer.document.export ?? {};
  const reasons: Reason[] = [];
  if (maxFiles !== undefined && files > maxFiles) {
    reasons.push(reasonOf(layer, 'deny', ['export', 'max_files'], `it changes ${files} files, more than ${maxFiles}`));
  }
  if (maxBytes !== undefined && bytes > maxBytes) {
    reasons.push(reasonOf(layer, 'deny', ['export', 'max_bytes'], `it has ${bytes} bytes, more than ${maxBytes}`));
  }
  return reasons;
}

/** Relative, without odd parts, and never git's own files, in whatever case a file system may not tell apart. */
function isCanonical(path: string): boolean {
  return !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
}
