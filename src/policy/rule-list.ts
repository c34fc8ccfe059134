import type { PolicyDocument, PolicyRule } from '../contracts/index.ts';
import type { DocumentPath, Layer } from './document/layer.ts';
import { ruleName } from './document/layer.ts';
import { imagesOf } from './grant.ts';

type Section = keyof PolicyDocument;

/** Where rules stand in a document: lists whose entries speak, and values that speak as a whole. */
const LISTS: readonly (readonly [Section, string])[] = [
  ['files', 'read'],
  ['files', 'write'],
  ['files', 'deny'],
  ['files', 'review'],
  ['commands', 'allow'],
  ['commands', 'exactly'],
  ['commands', 'ask'],
  ['commands', 'deny'],
  ['javascript', 'languages'],
  ['javascript', 'functions'],
  ['tools', 'allow'],
  ['tools', 'deny'],
  ['models', 'allow'],
  ['export', 'allow'],
  ['export', 'ask'],
  ['export', 'deny'],
];
const VALUES: readonly (readonly [Section, string])[] = [
  ['sandbox', 'kinds'],
  ...(['cpu', 'memory', 'pids', 'disk', 'inodes', 'open_files'] as const).map((limit) => ['limits', limit] as const),
  ...(['usd', 'tokens', 'steps'] as const).map((unit) => ['budget', unit] as const),
  ['models', 'hosts'],
  ['export', 'max_files'],
  ['export', 'max_bytes'],
  ['export', 'secrets'],
  ['export', 'binary'],
  ['export', 'symlinks'],
];

/** The rules of one layer that a decision can name, in the order of the file. */
export function rulesOf(layer: Layer): PolicyRule[] {
  const images = imagesOf(layer);
  const paths: DocumentPath[] = [
    ...LISTS.flatMap(([section, list]) => entries([section, list], at(layer, section, list))),
    ...VALUES.filter(([section, key]) => at(layer, section, key) !== undefined),
    ...entries(['network'], layer.document.network),
    ...(layer.document.canaries === undefined || layer.document.canaries === false ? [] : [['canaries']]),
    ...(images === undefined ? [] : entries(images.path, images.globs)),
  ];
  const stated = paths.map((path) => ({ rule: ruleName(path), file: layer.file, line: layer.lineOf(path) })).sort((a, b) => a.line - b.line);
  return [...stated, ...(layer.raw ?? []).map(({ rule, file, line }) => ({ rule, file, line }))];
}

function at(layer: Layer, section: Section, key: string): unknown {
  const part: unknown = layer.document[section];
  return typeof part === 'object' && part !== null && Object.hasOwn(part, key) ? (part as Record<string, unknown>)[key] : undefined;
}

function entries(path: DocumentPath, list: unknown): DocumentPath[] {
  return Array.isArray(list) ? list.map((_, i) => [...path, i]) : [];
}
