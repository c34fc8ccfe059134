import type { DecisionRequest } from '../../contracts/index.ts';
import { globCondition } from '../cedar/glob-condition.ts';
import { type ActionRules, type CedarRule, defaultRule } from '../cedar/rule.ts';
import { anyOf } from '../cedar/text.ts';
import type { PlacedLayer } from '../document/layer.ts';
import { Glob } from '../glob.ts';
import { DEFAULTS } from '../grant.ts';
import { type GlobList, statedLists, type TextFacts } from './glob-list.ts';

type FileRequest = Extract<DecisionRequest, { path: string; action: `file.${string}` }>;

const SUBJECT = { text: 'context.path', depth: 'context.depth' };

/** `files.read`, `files.write`, `files.deny`: absolute paths inside the sandbox. */
export class FileRules implements ActionRules<FileRequest, TextFacts> {
  readonly rules: readonly CedarRule<TextFacts>[];
  readonly #lists: readonly GlobList[];

  constructor(layers: readonly PlacedLayer[], action: FileRequest['action']) {
    const reads = action === 'file.read' || action === 'file.list';
    const list = reads ? 'read' : 'write';
    const denied = statedLists(layers, ['files', 'deny'], ({ document }) => document.files?.deny, SUBJECT);
    const admitted = statedLists(layers, ['files', list], ({ document }) => document.files?.[list], SUBJECT);
    this.#lists = [...denied, ...admitted];
    this.rules = [
      ...denied.flatMap((one) => (action === 'file.delete' ? one.againstHolders('deny') : one.against('deny'))),
      ...admitted.flatMap((one) => one.admitting()),
      ...(admitted.length > 0 ? [] : reads ? READ_BY_DEFAULT : WRITTEN_BY_DEFAULT),
    ];
  }

  facts({ path }: FileRequest): TextFacts | string {
    if (!isCanonical(path)) return `${JSON.stringify(path)} is not a canonical absolute path`;
    return { resource: path, text: path, context: { path, depth: depthOf(path), fits: this.#lists.flatMap((list) => list.fitting(path)) } };
  }
}

const READ_BY_DEFAULT = [defaultRule('allow', 'everything inside the sandbox may be read')];
const WRITTEN_BY_DEFAULT = [
  defaultRule('allow', `${DEFAULTS.filesWrite.join(' and ')} may be written`),
  defaultRule('deny', `without files.write only ${DEFAULTS.filesWrite.join(' and ')} may be written`, {
    unless: anyOf(DEFAULTS.filesWrite.flatMap((glob) => globCondition(new Glob(glob), SUBJECT) ?? [])),
  }),
];

/** The number of segments, the empty one in front included: 1 for the root. */
export function depthOf(path: string): number {
  return path === '/' ? 1 : path.split('/').length;
}

/** The one form of an absolute path: no empty, `.` or `..` part, no slash at its end, no NUL, nothing that is not Unicode. */
function isCanonical(path: string): boolean {
  if (path === '/') return true;
  return path.startsWith('/') && path.isWellFormed() && !path.includes('\0') && !/\/(?:\.{0,2})(?:\/|$)/.test(path);
}
