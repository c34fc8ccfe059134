import type { Document, YAMLSeq } from 'yaml';
import { GloveboxError } from '../../contracts/index.ts';
import { ruleName } from '../document/layer.ts';
import { MAX_POLICY_BYTES } from '../document/read-yaml.ts';
import { yaml } from '../document/yaml.ts';
import type { Evidence, Seen } from './evidence.ts';
import type { Learner } from './learner.ts';
import { literal } from './path-globs.ts';

/** The least policy for what was seen. */
export interface LearnedPolicy {
  /** `policy.yaml`, with what each rule rests on as a comment above it. */
  readonly text: string;
  readonly rules: readonly { readonly rule: string; readonly value: unknown; readonly evidence: Evidence }[];
}

/** A list of rules at its place, or amounts that rest on the same. */
type Part = { readonly path: readonly [string, ...string[]] } & ({ readonly list: readonly Seen<unknown>[] } | { readonly value: unknown; readonly evidence: Evidence });

/** Writes down what was learned. `parent` is how the policy names what it extends. Errors: `policy_invalid` where it would be too long for a policy. */
export function learnedPolicy(learner: Learner, { name, parent }: { readonly name: string; readonly parent: string }): LearnedPolicy {
  const { Document } = yaml();
  const document = new Document({ name, description: 'Learned from recorded decisions', extends: parent });
  document.commentBefore = ` The least that lets pass what ${learner.taken} recorded decisions were about. What a rule rests on stands above it.`;
  const parts = partsOf(learner);
  for (const part of parts) {
    document.setIn(part.path, 'list' in part ? sequence(document, part.list) : document.createNode(part.value, { flow: true }));
    if (!('list' in part)) commentOn(document, part.path, part.evidence);
  }
  const rules = parts.flatMap((part) =>
    'list' in part ? part.list.map(({ value, evidence }, i) => ({ rule: ruleName([...part.path, i]), value, evidence })) : [{ rule: ruleName(part.path), value: part.value, evidence: part.evidence }],
  );
  // Every text in quotes: a plain one may be a number to a reader that knows `200_000`.
  const text = document.toString({ lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' });
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_POLICY_BYTES) return { text, rules };
  throw new GloveboxError('policy_invalid', `the learned policy would have ${bytes} bytes, and a policy has at most ${MAX_POLICY_BYTES}: learn from fewer runs, or generalize paths and hosts`);
}

/** A list of which nothing was seen is empty, and there: what a policy does not mention it leaves to what it extends. */
function partsOf(learner: Learner): Part[] {
  const { commands, network, tools, models } = learner;
  return [
    ...sandboxParts(learner),
    { path: ['files', 'read'], list: learner.read.globs() },
    { path: ['files', 'write'], list: learner.write.globs() },
    { path: ['commands', 'allow'], list: commands.programs.map(({ value: { program, args }, evidence }) => ({ value: args.length === 0 ? { program } : { program, args }, evidence })) },
    ...(commands.whole.length === 0 ? [] : [{ path: ['commands', 'exactly'], list: commands.whole } satisfies Part]),
    ...javascriptParts(learner),
    { path: ['network'], list: network.rules() },
    ...credentialParts(learner),
    { path: ['tools', 'allow'], list: tools.all() },
    { path: ['models', 'allow'], list: models.names },
    { path: ['budget'], value: models.budget, evidence: models.evidence },
    ...exportParts(learner),
  ];
}

function sandboxParts({ sandbox: { images, kinds, limits, evidence } }: Learner): Part[] {
  const [first, ...more] = images;
  if (first === undefined || limits === undefined) return [];
  const { cpu, memoryBytes: memory, pids, diskBytes: disk, inodes, openFiles } = limits;
  return [
    { path: ['sandbox', 'image'], value: first.value, evidence: first.evidence },
    ...(more.length === 0 ? [] : [{ path: ['sandbox', 'images'], list: images.map((one) => ({ ...one, value: literal(one.value) })) } satisfies Part]),
    { path: ['sandbox', 'kinds'], value: kinds, evidence },
    { path: ['limits'], value: { cpu, memory: sizeOf(memory), pids, disk: sizeOf(disk), inodes, open_files: openFiles }, evidence },
  ];
}

function javascriptParts({ base, languages, functions }: Learner): Part[] {
  if (languages.size === 0 && base.documents.every(({ javascript }) => javascript === undefined)) return [];
  return [
    { path: ['javascript', 'languages'], list: languages.all() },
    { path: ['javascript', 'functions'], list: functions.all() },
  ];
}

/** Those of what is extended are its own to bind; where none was used, none is lent. */
function credentialParts({ base, credentials }: Learner): Part[] {
  return credentials.size > 0 || base.documents.every((document) => document.credentials === undefined) ? [] : [{ path: ['credentials'], list: [] }];
}

function exportParts({ base, exported: { largest, paths, evidence } }: Learner): Part[] {
  if (largest === undefined) return base.documents.every((document) => document.export === undefined) ? [] : [{ path: ['export', 'allow'], list: [] }];
  return [
    { path: ['export', 'allow'], list: paths },
    { path: ['export', 'max_files'], value: largest.files, evidence },
    { path: ['export', 'max_bytes'], value: largest.bytes, evidence },
  ];
}

function sequence(document: Document, list: readonly Seen<unknown>[]): YAMLSeq {
  const lines = new (yaml().YAMLSeq)();
  lines.flow = list.length === 0;
  for (const { value, evidence } of list) {
    const node = document.createNode(value, { flow: true });
    node.commentBefore = ` ${evidence.say()}`;
    lines.add(node);
  }
  return lines;
}

/** Above the key, not between it and its value. */
function commentOn(document: Document, path: readonly string[], evidence: Evidence): void {
  const { isMap, isScalar, Scalar } = yaml();
  const section = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1));
  const name = path.at(-1);
  if (!isMap(section) || evidence.isEmpty) return;
  for (const pair of section.items) {
    if (pair.key !== name && !(isScalar(pair.key) && pair.key.value === name)) continue;
    const key = new Scalar(name);
    key.commentBefore = ` ${evidence.say()}`;
    pair.key = key;
  }
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;

function sizeOf(bytes: number): string | number {
  if (bytes > 0 && bytes % GIB === 0) return `${bytes / GIB}GiB`;
  return bytes > 0 && bytes % MIB === 0 ? `${bytes / MIB}MiB` : bytes;
}
