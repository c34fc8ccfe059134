import type { Action, Decision, DecisionRequest, PolicyFile, Principal, Reason, Variables } from '../contracts/index.ts';
import { Glob } from './glob.ts';
import { DEFAULTS } from './grant.ts';
import { type Question, requestOf } from './question.ts';

export interface Explanation {
  /** What would have to change for another answer; empty where it is allowed. */
  readonly remedies: readonly string[];
  /** What holds it, beyond the answer. */
  readonly binds: string;
}

/** What a policy says to a question, and why. */
export interface Answered extends Explanation {
  readonly policy: Pick<PolicyFile, 'name' | 'hash'>;
  readonly request: DecisionRequest;
  readonly decision: Decision;
}

/** Asks it, in a session of `as` with these variables. Errors: `usage`, with what was expected. */
export function answer(policy: PolicyFile, question: Question, { as, variables }: { readonly as: Principal; readonly variables?: Variables | undefined }): Answered {
  const request = requestOf(question, policy, variables);
  const decision = policy.decide(request, as);
  return { policy: { name: policy.name, hash: policy.hash }, request, decision, ...explain(request, decision) };
}

/** What a decision means to who wants another one, and what it binds. */
export function explain(request: DecisionRequest, { effect, reason, lost }: Decision): Explanation {
  const { action } = request;
  const against = effect === 'allow' ? [] : [reason, ...lost].filter((one) => one.effect !== 'allow');
  return { remedies: [...new Set(against.map((one) => remedyOf(one, action)))], binds: bindsOf(request) };
}

const OPENERS: Partial<Record<Action, string>> = {
  'tool.call': 'a tools.allow with this tool in it',
  'network.connect': 'a network rule that names this destination',
  'javascript.run': 'a javascript section, be it empty',
  'export.patch': 'an export section, be it empty',
  'file.write': 'a files.write that names this path',
  'file.delete': 'a files.write that names this path',
};

function remedyOf({ rule, file, line, effect, text }: Reason, action: Action): string {
  const where = file === undefined ? '' : ` (${file}:${line})`;
  if (rule === 'default') return OPENERS[action] === undefined ? `nothing in a policy: ${text}` : `the policy would need ${OPENERS[action]}`;
  if (/^(?:limits|budget)\.|^export\.max_/.test(rule)) return `${rule}${where} would have to be higher`;
  if (/^export\.(?:secrets|binary|symlinks)$/.test(rule)) return `what ${rule}${where} found would have to go${effect === 'ask' ? '; or a person says yes' : ''}`;
  if (rule === 'commands') return `it would have to be a command of which every program can be seen${where}`;
  if (rule.endsWith(']')) return `${rule}${where} would have to go, or to be narrower${effect === 'ask' ? '; or a person says yes' : ''}`;
  return `${rule}${where} would have to name it`;
}

/** Where the mounts of a sandbox let commands write. */
const WRITABLE = DEFAULTS.filesWrite.map((glob) => new Glob(glob));

function bindsOf(request: DecisionRequest): string {
  if (request.action === 'network.connect' && request.registries !== undefined) return `${BINDS[request.action]}; install_scripts is what clients are told, and a command may do otherwise in its sandbox`;
  if (!('path' in request) || !request.action.startsWith('file.')) return BINDS[request.action];
  const reads = request.action === 'file.read' || request.action === 'file.list';
  const held = reads ? 'which reads what its user may' : WRITABLE.some((glob) => glob.matches(request.path ?? '')) ? 'which may write here whatever a policy says' : 'which the read-only root and the mounts keep from here';
  return `${BINDS[request.action]}; not a command in the sandbox, ${held}`;
}

const FILES = 'the file API and tools';

const BINDS: Readonly<Record<Action, string>> = {
  'session.open': 'whether there is a sandbox at all',
  'javascript.run': 'whether it is started, and with what of ours to call; what it then does is held by its isolate',
  'command.exec': 'whether it is started; what it then does is held by the sandbox, its mounts and the wire',
  'context.run': 'whether it is run; what it then does is held by the sandbox, its mounts and the wire',
  'file.read': FILES,
  'file.list': FILES,
  'file.write': FILES,
  'file.delete': FILES,
  'network.connect': 'every connection: there is no way out of a sandbox but through us',
  'credential.use': 'every use of it: the sandbox never has it',
  'tool.call': 'calls of an agent’s tools',
  'model.call': 'calls of models by us; a sandbox has no way to one',
  'export.patch': 'what leaves as a patch',
};
