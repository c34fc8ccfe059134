import type { DecisionRequest, Policy, PolicyDocument, PolicyFinding } from '../contracts/index.ts';
import { isAddress } from './canonical-host.ts';
import { neverMatches } from './destinations.ts';
import type { DocumentPath, Layer } from './document/layer.ts';
import { ruleName } from './document/layer.ts';
import { DEFAULTS } from './grant.ts';
import { isLauncher } from './shell/launchers.ts';

/**
 * What is not wrong in a policy, and yet not what its author can have meant: rules that never decide anything, or that a program beside them gets round. Only
 * what is certain is told; that two patterns overlap in part is nobody's mistake. And what rules do not reach, as notes.
 */
export function lintLayers(layers: readonly [Layer, ...Layer[]], policy: Policy): PolicyFinding[] {
  const [own, ...above] = layers;
  return [...modes(own, above, policy), ...doubled(own), ...restated(own, above), ...overruled(own, policy), ...shadowed(own, layers), ...launching(own, layers), ...ineffective(own, above), ...unmatched(own), ...reach(own, policy), ...advice(own, policy)].sort((a, b) => a.line - b.line);
}

function modes(own: Layer, above: readonly Layer[], { mode }: Policy): PolicyFinding[] {
  if (own.document.mode !== 'observe') return [];
  const enforcing = above.find(({ document }) => document.mode !== 'observe');
  if (enforcing !== undefined) return [finding(own, ['mode'], `it has no effect: ${enforcing.document.name} enforces, and nobody below can undo that`)];
  return mode === 'observe' ? [{ ...finding(own, ['mode'], 'nothing of it is enforced but what seals a sandbox, and the budget'), isNote: true }] : [];
}

type Rules = NonNullable<PolicyDocument['commands']>;
type CommandRule = NonNullable<Rules['deny']>[number];

/** Lists whose entries restrict: what one layer states, another need not. */
const RESTRICTING = [
  ['files', 'deny'],
  ['files', 'review'],
  ['commands', 'ask'],
  ['commands', 'deny'],
  ['tools', 'deny'],
  ['export', 'ask'],
  ['export', 'deny'],
] as const;
const ADMITTING = [
  ['files', 'read'],
  ['files', 'write'],
  ['commands', 'allow'],
  ['commands', 'exactly'],
  ['tools', 'allow'],
  ['models', 'allow'],
  ['export', 'allow'],
] as const;

function doubled(own: Layer): PolicyFinding[] {
  return [...RESTRICTING, ...ADMITTING].flatMap((path) => {
    const list = entries(own, path);
    return list.flatMap((entry, i) => {
      const first = list.indexOf(entry);
      return first === i ? [] : [finding(own, [...path, i], `it stands there already, as ${ruleName([...path, first])}`)];
    });
  });
}

function restated(own: Layer, above: readonly Layer[]): PolicyFinding[] {
  return RESTRICTING.flatMap((path) =>
    entries(own, path).flatMap((entry, i) => {
      const other = above.find((layer) => entries(layer, path).includes(entry));
      return other === undefined ? [] : [finding(own, [...path, i], `${other.document.name} states it already, and nobody below can undo that`)];
    }),
  );
}

/** Entries without wildcards that were to let something through, and never do. */
function overruled(own: Layer, policy: Policy): PolicyFinding[] {
  const asked: readonly (readonly [DocumentPath, readonly string[] | undefined, (text: string) => DecisionRequest])[] = [
    [['files', 'read'], own.document.files?.read, (path) => ({ action: 'file.read', path })],
    [['files', 'write'], own.document.files?.write, (path) => ({ action: 'file.write', path })],
    [['tools', 'allow'], own.document.tools?.allow, (tool) => ({ action: 'tool.call', tool, version: '1' })],
    [['models', 'allow'], own.document.models?.allow, modelCall],
  ];
  return asked.flatMap(([path, list, ask]) =>
    (list ?? []).flatMap((text, i) => {
      if (/[*?{}\\]/.test(text)) return [];
      const { effect, reason } = policy.decide(ask(text));
      return effect === 'deny' ? [finding(own, [...path, i], `it never lets anything through: ${reason.rule} denies it (${reason.text})`)] : [];
    }),
  );
}

function modelCall(name: string): DecisionRequest {
  const nothing = { usd: 0, tokens: 0, steps: 0 };
  const colon = name.indexOf(':');
  return { action: 'model.call', provider: name.slice(0, Math.max(colon, 0)), model: name.slice(colon + 1), host: '', spent: nothing, worstCase: nothing };
}

/** Rules on commands that a denial always comes before. */
function shadowed(own: Layer, layers: readonly Layer[]): PolicyFinding[] {
  const denials = layers.flatMap((layer) => (layer.document.commands?.deny ?? []).map((rule, i) => ({ rule, name: ruleName(['commands', 'deny', i]), of: layer.document.name })));
  return (['allow', 'ask'] as const).flatMap((list) =>
    (own.document.commands?.[list] ?? []).flatMap((rule, i) => {
      const denial = denials.find((other) => covers(other.rule, rule));
      return denial === undefined ? [] : [finding(own, ['commands', list, i], `it never decides: ${denial.name} of ${denial.of} denies all of it`)];
    }),
  );
}

/** Programs that run others, let through beside a denial that they get round. */
function launching(own: Layer, layers: readonly Layer[]): PolicyFinding[] {
  const denied = [...new Set(layers.flatMap((layer) => (layer.document.commands?.deny ?? []).filter(({ args }) => args === undefined).flatMap(({ program }) => program)))];
  return (own.document.commands?.allow ?? []).flatMap(({ program }, i) =>
    program.flatMap((one) => {
      const others = denied.filter((other) => other !== one && other !== '*');
      if (!isLauncher(one) || denied.includes(one) || others.length === 0) return [];
      return [finding(own, ['commands', 'allow', i], `${one} can run any program, ${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''} too: what it is given to run is searched for such names, not understood`)];
    }),
  );
}

function covers(wide: CommandRule, narrow: CommandRule): boolean {
  const programs = wide.program.includes('*') || narrow.program.every((program) => wide.program.includes(program));
  return programs && (wide.args ?? []).every((arg, i) => narrow.args?.[i] === arg);
}

/** Limits that are no stricter than what holds anyway. */
function ineffective(own: Layer, above: readonly Layer[]): PolicyFinding[] {
  return (['limits', 'command', 'session', 'egress', 'budget'] as const).flatMap((section) =>
    Object.entries(own.document[section] ?? {}).flatMap(([key, value]: [string, number | undefined]) => {
      const stricter = above.find((layer) => {
        const other = (layer.document[section] as Readonly<Record<string, number | undefined>> | undefined)?.[key];
        return other !== undefined && value !== undefined && other < value;
      });
      return stricter === undefined ? [] : [finding(own, [section, key], `it has no effect: ${stricter.document.name} is stricter`)];
    }),
  );
}

function unmatched(own: Layer): PolicyFinding[] {
  return (own.document.network ?? []).flatMap((rule, i) => {
    const why = neverMatches(rule) ?? ('host' in rule && isAddress(rule.host) ? 'egress takes names alone, never an address: give it a name in the hosts file of the state folder' : undefined);
    return why === undefined ? [] : [finding(own, ['network', i], `it matches nothing: ${why}`)];
  });
}

/** Rules on files that a command need not heed: nothing mounts what they say. */
function reach(own: Layer, policy: Policy): PolicyFinding[] {
  const runs = policy.decide({ action: 'command.exec', argv: ['sh', '-c', 'cat < a > b'], cwd: '/workspace' }).effect !== 'deny';
  if (!runs) return [];
  const { read, write, deny } = own.document.files ?? {};
  return [
    ...(read === undefined || read.includes('/**') ? [] : [note(own, ['files', 'read'], 'commands read what their user may, whatever this says')]),
    ...(write === undefined || DEFAULTS.filesWrite.every((glob) => write.includes(glob)) ? [] : [note(own, ['files', 'write'], `commands write all of ${DEFAULTS.filesWrite.join(' and ')}, whatever this says`)]),
    ...(deny ?? []).map((_, i) => note(own, ['files', 'deny', i], 'commands are not held by it, but by their user, the mounts and the read-only root')),
  ];
}

/** What clients of registries are told binds nobody who does not want it. */
function advice(own: Layer, { grant }: Policy): PolicyFinding[] {
  const { install_scripts: stated, registry_cache: cache } = own.document;
  if ((grant.network?.registries ?? []).length === 0) {
    const said = (['install_scripts', 'registry_cache'] as const).filter((word) => own.document[word] !== undefined);
    return said.map((word) => finding(own, [word], 'it has no effect: no registry is opened'));
  }
  const unheard = cache !== undefined && cache > (grant.network?.registryCacheBytes ?? 0) ? [finding(own, ['registry_cache'], 'it has no effect: a policy above has less')] : [];
  if (stated === undefined) return unheard;
  if (stated !== grant.network?.installScripts) return [...unheard, finding(own, ['install_scripts'], 'it has no effect: a policy above denies them')];
  return stated === 'allow' ? unheard : [...unheard, { ...finding(own, ['install_scripts'], 'npm and pip are told so by their environment, which a command may change; what they then run is held by the sandbox'), isNote: true }];
}

/** As text, so that two that say the same are the same. */
function entries({ document }: Layer, [section, list]: (typeof RESTRICTING | typeof ADMITTING)[number]): readonly string[] {
  const found = (document[section] as Readonly<Record<string, readonly unknown[] | undefined>> | undefined)?.[list];
  return (found ?? []).map((entry) => JSON.stringify(entry));
}

function finding({ file, lineOf }: Layer, path: DocumentPath, text: string): PolicyFinding {
  return { rule: ruleName(path), file, line: lineOf(path), text };
}

function note(own: Layer, path: DocumentPath, text: string): PolicyFinding {
  return { ...finding(own, path, `it binds the file API and tools: ${text}`), isNote: true };
}
