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

const COMMAND = {
  programs: 'Set<String>',
  certain: 'Bool',
  cwd: 'String',
  maybe: 'Set<String>',
  named: 'Set<String>',
};

/**
 * The facts that Cedar sees. All texts are canonical, all numbers whole. `fits` has the ids of rules whose patterns Cedar cannot say; `approved` whether a
 * person has said yes.
 */
const CONTEXTS = {
  'session.open': {
    image: 'String',
    kinds: 'Set<String>',
    limits: '{ nanoCpus: Long, memoryBytes: Long, pids: Long, diskBytes: Long, inodes: Long, openFiles: Long }',
  },
  'command.exec': COMMAND,
  'context.run': COMMAND,
  'javascript.run': { language: 'String', source: 'String', functions: 'Set<String>', count: 'Long' },
  'file.read': { path: 'String', depth: 'Long' },
  'file.write': { path: 'String', depth: 'Long' },
  'file.delete': { path: 'String', depth: 'Long' },
  'file.list': { path: 'String', depth: 'Long' },
  'network.connect': { scheme: 'String', host: 'String', address: 'Bool', port: 'Long', private: 'Bool', 'method?': 'String', 'path?': 'String', 'depth?': 'Long' },
  'credential.use': { credential: 'String', host: 'String', method: 'String', path: 'String' },
  'tool.call': { tool: 'String', version: 'String' },
  'model.call': {
    name: 'String',
    spent: '{ microUsd: Long, tokens: Long, steps: Long }',
    worstCase: '{ microUsd: Long, tokens: Long, steps: Long }',
  },
  'export.patch': { paths: 'Set<String>', files: 'Long', bytes: 'Long', secrets: 'Set<String>', binaries: 'Set<String>', links: 'Set<String>' },
} as const satisfies Record<Action, Readonly<Record<string, string>>>;

// The keys of a record that is complete are the actions.
export const ACTIONS = Object.keys(RESOURCES) as readonly Action[];

/** What policies are validated against, rules that are written in Cedar included. */
export const SCHEMA = [
  'entity Tenant, Role;',
  'entity Session in [Tenant, Role] { user: String };',
  `entity ${[...new Set(Object.values(RESOURCES))].join(', ')};`,
  ...ACTIONS.map((action) => {
    const facts = Object.entries({ ...CONTEXTS[action], fits: 'Set<String>', approved: 'Bool' }).map(([name, type]) => `  ${name}: ${type},\n`);
    return `action "${action}" appliesTo { principal: Session, resource: ${RESOURCES[action]}, context: {\n${facts.join('')}} };`;
  }),
].join('\n');
