import type { PolicyDocument } from '../contracts/index.ts';
import type { Question } from './question.ts';

type Destination = Extract<NonNullable<PolicyDocument['network']>[number], { host: string }>;

/** For each rule of a document a question that it speaks of, so that two policies can be told apart where either has something to say. */
export function samplesOf(document: PolicyDocument): Question[] {
  const { files, commands, javascript, network, tools, models, export: exported, sandbox, limits, canaries = false } = document;
  const paths = [...(files?.read ?? []), ...(files?.write ?? []), ...(files?.deny ?? [])].map(sample);
  const leaving = [...(files?.review ?? []), ...(exported?.allow ?? []), ...(exported?.ask ?? []), ...(exported?.deny ?? [])].map(sample);
  return [
    ...paths.flatMap((path): Question[] => [{ read: path }, { write: path }, { delete: path }]),
    ...[...(commands?.allow ?? []), ...(commands?.ask ?? []), ...(commands?.deny ?? [])].flatMap(({ program, args }) =>
      program.map((name): Question => ({ exec: [name === '*' ? 'anything' : name, ...(args ?? [])] })),
    ),
    ...(commands?.exactly ?? []).map((argv): Question => ({ exec: [...argv] })),
    ...(javascript?.functions ?? []).map((name): Question => ({ javascript: [name] })),
    { javascript: [] },
    ...(network ?? []).flatMap((rule) => ('host' in rule ? connections(rule) : rule.registries.map((kind): Question => ({ connect: `GET ${kind}:/x` })))),
    ...[...(tools?.allow ?? []), ...(tools?.deny ?? [])].map((tool): Question => ({ tool: sample(tool) })),
    ...(models?.allow ?? []).map(sample).flatMap((model): Question[] => (model.includes(':') ? [{ model }] : [{ model: `${model}:x` }])),
    ...(models?.hosts ?? []).map(sample).map((host): Question => ({ model: { name: 'provider:model', host } })),
    ...leaving.map((path): Question => ({ export: [path] })),
    { export: ['a'] },
    ...[sandbox?.image, ...(sandbox?.images ?? [])].flatMap((image): Question[] => (image === undefined ? [] : [{ open: { image: sample(image) } }])),
    ...(sandbox?.kinds ?? []).map((kind): Question => ({ open: { kinds: [kind] } })),
    ...sizes(limits),
    ...exportSizes(exported),
    ...(canaries === false ? [] : [{ export: { paths: ['a'], canaries: ['a'] } }]),
  ];
}

function connections({ host, port, tcp, methods, paths }: Destination): Question[] {
  const name = sample(host);
  const bracketed = name.includes(':') ? `[${name}]` : name;
  if (tcp !== undefined) return [{ connect: `tcp://${bracketed}:${tcp}` }];
  const place = port === 80 ? `http://${bracketed}` : `https://${bracketed}:${port ?? 443}`;
  return (methods ?? ['GET']).flatMap((method) => (paths ?? ['/']).map((path) => ({ connect: `${method} ${place}${sample(path)}` })));
}

function sizes(limits: PolicyDocument['limits']): Question[] {
  const { cpu, memory, pids, disk, inodes, open_files: openFiles } = limits ?? {};
  return Object.entries({ cpu, memoryBytes: memory, pids, diskBytes: disk, inodes, openFiles }).flatMap(([name, value]) => (value === undefined ? [] : [{ open: { limits: { [name]: value } } }]));
}

function exportSizes(exported: PolicyDocument['export']): Question[] {
  const { max_bytes: bytes, secrets, binary, symlinks } = exported ?? {};
  return [
    ...(bytes === undefined ? [] : [{ export: { paths: ['a'], bytes } }]),
    ...(secrets === undefined ? [] : [{ export: { paths: ['a'], secrets: ['a:1'] } }]),
    ...(binary === undefined ? [] : [{ export: { paths: ['a'], binaries: ['a'] } }]),
    ...(symlinks === undefined ? [] : [{ export: { paths: ['a'], links: ['a -> /'] } }]),
  ];
}

/** One text that fits a pattern: its first alternative, with `x` where anything may stand. */
function sample(glob: string): string {
  let text = glob;
  // The innermost braces first; a pattern has been checked, and stands for 64 texts at most.
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(/\{([^{},]*)(?:,[^{}]*)?\}/, '$1');
  }
  return text.replace(/\*\*|\*|\?/g, 'x').replace(/\\(.)/g, '$1');
}
