import type { SchemaJson, TypeOfAttribute } from '@cedar-policy/cedar-wasm/nodejs';
import type { Action } from '../../contracts/index.ts';

/** What is acted on, as Cedar's type for it. */
export const RESOURCES = {
  'session.open': 'Image',
  'command.exec': 'Program',
  'context.run': 'Program',
  'javascript.run': 'Source',
  'file.read': 'File',
  'file.write': 'File',
  'file.delete': 'File',
  'file.list': 'File',
  'network.connect': 'Host',
  'credential.use': 'Credential',
  'tool.call': 'Tool',
  'model.call': 'Model',
  'export.patch': 'Patch',
} as const satisfies Record<Action, string>;

/** A set is one of texts; a name with `?` at its end may be missing. */
type FactType = 'String' | 'Long' | 'Bool' | 'Set<String>' | FactTypes;
interface FactTypes {
  readonly [name: string]: FactType;
}

const COMMAND = {
  programs: 'Set<String>',
  certain: 'Bool',
  cwd: 'String',
  maybe: 'Set<String>',
  named: 'Set<String>',
} as const;
const SPENDING = { microUsd: 'Long', tokens: 'Long', steps: 'Long' } as const;

/**
 * The facts that Cedar sees. All texts are canonical, all numbers whole. `fits` has the ids of rules whose patterns Cedar cannot say; `approved` whether a
 * person has said yes.
 */
const CONTEXTS = {
  'session.open': {
    image: 'String',
    kinds: 'Set<String>',
    stopped: 'Bool',
    limits: { nanoCpus: 'Long', memoryBytes: 'Long', pids: 'Long', diskBytes: 'Long', inodes: 'Long', openFiles: 'Long' },
  },
  'command.exec': COMMAND,
  'context.run': COMMAND,
  'javascript.run': { language: 'String', source: 'String', functions: 'Set<String>', count: 'Long' },
  'file.read': { path: 'String', depth: 'Long' },
  'file.write': { path: 'String', depth: 'Long' },
  'file.delete': { path: 'String', depth: 'Long' },
  'file.list': { path: 'String', depth: 'Long' },
  'network.connect': { scheme: 'String', host: 'String', address: 'Bool', port: 'Long', private: 'Bool', registries: 'Set<String>', 'method?': 'String', 'path?': 'String', 'depth?': 'Long' },
  'credential.use': { credential: 'String', place: 'String', registry: 'String', scheme: 'String', host: 'String', address: 'Bool', port: 'Long', method: 'String', path: 'String', depth: 'Long' },
  'tool.call': { tool: 'String', version: 'String' },
  'model.call': {
    name: 'String',
    host: 'String',
    spent: SPENDING,
    worstCase: SPENDING,
    overdrawn: 'Set<String>',
  },
  'export.patch': { paths: 'Set<String>', files: 'Long', bytes: 'Long', secrets: 'Set<String>', binaries: 'Set<String>', links: 'Set<String>', canaries: 'Set<String>' },
} as const satisfies Record<Action, FactTypes>;

// The keys of a record that is complete are the actions.
export const ACTIONS = Object.keys(RESOURCES) as readonly Action[];

/** What policies are validated against, rules that are written in Cedar included. As JSON, which Cedar reads in a third of the time that it takes for its own text. */
export const SCHEMA: SchemaJson<string> = {
  '': {
    entityTypes: {
      Tenant: {},
      Role: {},
      Session: { memberOfTypes: ['Tenant', 'Role'], shape: recordOf({ user: 'String' }) },
      ...Object.fromEntries(Object.values(RESOURCES).map((resource) => [resource, {}])),
    },
    actions: Object.fromEntries(
      ACTIONS.map((action) => [action, { appliesTo: { principalTypes: ['Session'], resourceTypes: [RESOURCES[action]], context: recordOf({ ...CONTEXTS[action], fits: 'Set<String>', approved: 'Bool' }) } }]),
    ),
  },
};

function recordOf(facts: FactTypes) {
  const attributes = Object.entries(facts).map(([name, type]): [string, TypeOfAttribute<string>] => (name.endsWith('?') ? [name.slice(0, -1), { ...typeOf(type), required: false }] : [name, typeOf(type)]));
  return { type: 'Record' as const, attributes: Object.fromEntries(attributes) };
}

function typeOf(type: FactType): TypeOfAttribute<string> {
  if (typeof type === 'object') return recordOf(type);
  return type === 'Set<String>' ? { type: 'Set', element: { type: 'String' } } : { type: type === 'Bool' ? 'Boolean' : type };
}
