import type { Anomaly } from './anomaly.ts';
import type { ApprovalAnswer, ApprovalQuestion, ApprovalRefusal } from './approval.ts';
import type { Amounts, BudgetWarning } from './budget.ts';
import type { CallEnd, ContextLanguage } from './context.ts';
import type { StopScope } from './control.ts';
import type { Decision, DecisionRequest, Spending } from './decision.ts';
import type { EffectKind } from './effect.ts';
import type { ErrorCode } from './errors.ts';
import type { HostFunctionGroup, JavaScriptEnd, JavaScriptForm, JavaScriptLanguage, JavaScriptPlace } from './javascript.ts';
import type { SandboxLimits, SessionLimits } from './limits.ts';
import type { Message, ModelReply, ToolCall } from './model.ts';
import type { RegistryKind } from './registry.ts';
import type { OperationEvents } from './operation-events.ts';
import type { RunLifeEvents } from './run-life.ts';
import type { CommandEnd, SandboxKind, WorkspacePlace } from './sandbox.ts';
import type { TenancyEvents } from './tenancy.ts';

/** What egress refuses by itself. */
export type EgressRefusalCode =
  /** Not a host name, or an address instead of one. */
  | 'host_invalid'
  /** The request cannot be read in one way only. */
  | 'request_invalid'
  /** What was dialled, the certificate that was asked for and the host of the request are not the same. */
  | 'hosts_disagree'
  /** The name leads to where nothing may go. */
  | 'address_forbidden'
  /** The session's limits. */
  | 'limit'
  /** The program did not go on with what it began: it does not trust our certificate, say. */
  | 'handshake_failed'
  /** A credential's placeholder stands where no credential ever goes. */
  | 'credential_misplaced'
  /** What lends a credential cannot do so now. */
  | 'credential_unavailable'
  /** It has a canary in it. */
  | 'canary';

/** A request that changes something, as it leaves. `request` names it in its session; `path` is without its query. */
export interface EgressStart {
  readonly request: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  /** What is known to go with it; others may stand in its body. */
  readonly credentials: readonly string[];
}

/** What came back from a tool, as the model will see it. */
export interface ToolOutcome {
  readonly callId: string;
  readonly tool: string;
  readonly ok: boolean;
  readonly text: string;
  /** For native tools that answer in parts (OpenAI's shell). */
  readonly data?: unknown;
}

export interface TestReport {
  readonly command: string;
  readonly end: CommandEnd;
  /** The middle is cut, with the count said. */
  readonly outputTail: string;
  readonly passed: boolean;
}

export interface RunSummary {
  readonly outcome: 'fixed' | 'unverified' | 'not_fixed' | 'limit' | 'cancelled' | 'failed';
  readonly detail: string;
  /** Why, where an error ended it: what a caller's exit code goes by. */
  readonly code?: ErrorCode;
  readonly patchBlob?: string;
  readonly files: readonly string[];
  readonly steps: number;
  readonly commands: number;
  readonly denials: number;
  readonly tokens: number;
  readonly usd: number;
  readonly wallMs: number;
}

/** What a client asked for who opened a session with a sandbox: whoever goes on with it after a crash asks for the same. */
export interface ServedTerms {
  /** By which name it asked for the policy. */
  readonly policy: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly kinds?: readonly SandboxKind[];
  /** The names of the variables that it gave; what is in them is with the sandbox. */
  readonly env?: readonly string[];
  /** Less than the policy lends. */
  readonly session?: Partial<SessionLimits>;
  readonly sandbox?: Partial<SandboxLimits>;
}

/** What a model request was made of, beside the conversation that the journal has anyway. */
export interface RecordedRequest {
  /** A blob: system text, tools and limits, all but the messages. */
  readonly frame: string;
  /** So many messages are those that the request before it, in the same session, began with. */
  readonly kept: number;
  /** What follows them: SHA-256 of each message in canonical JSON, base64url. */
  readonly added: readonly string[];
  /** A blob: all messages, where they are not simply what was said. */
  readonly messages?: string;
}

/** What can happen. Data is plain JSON; large texts are blobs, named by hash. */
export interface EventData extends RunLifeEvents, OperationEvents, TenancyEvents {
  /** Never written: what is read of an event whose payload's key was destroyed. `was` is its type. */
  erased: { was: string };
  /** Tenant and roles are absent where an older version wrote it: an administrator of the tenant `local`. `served` where a client of the service opened it: the next start goes on with it. */
  'session.opened': { principal: string; tenant?: string; roles?: readonly string[]; policy: string; policyHash: string; run?: string; mode?: 'observe'; served?: ServedTerms };
  'session.closed': { why: string };
  'sandbox.created': { sandbox: string; kind: SandboxKind; image: string; digests?: readonly string[]; limitsAre: 'hard' | 'soft'; workspaceIs?: WorkspacePlace; purpose: string };
  'sandbox.gone': { sandbox: string; why: string };
  /** The session goes on with a sandbox that an earlier session of the same run left running, or the process that it was of itself. */
  'sandbox.adopted': { sandbox: string };
  /** The workspace as a tar archive: a blob. */
  'sandbox.snapshot': { sandbox: string; blob: string; bytes: number; files: number };
  'sandbox.restored': { sandbox: string; blob: string };
  'sandbox.paused': { sandbox: string };
  'sandbox.resumed': { sandbox: string };
  /** `approval` is the one that let it through, or kept it out. */
  decision: { request: DecisionRequest; decision: Decision; allowed: boolean; answeredBy?: string; approval?: string };
  /** From now on the session waits for somebody. The approval has a stream of its own, named by its id, with the events that follow. */
  'approval.awaited': { approval: string };
  'approval.requested': ApprovalQuestion;
  'approval.answered': { answer: ApprovalAnswer; by: string; tenant: string; roles: readonly string[]; why?: string };
  /** Somebody's answer that does not count. */
  'approval.refused': { answer: ApprovalAnswer; by: string; reason: ApprovalRefusal; text: string };
  /** It has let its request through: the one of `once`, or one more of `session`. */
  'approval.used': { session: string };
  /** Nobody waits for it any more. */
  'approval.closed': { why: string };
  /** `kept`: whoever started it may come back to it, and whoever adopts its sandbox goes on with it. */
  'command.started': { command: string; sandbox: string; argv: readonly string[]; cwd: string; kept?: 'pipes' | 'terminal' };
  /** `hashedFrom`: what came before these bytes had gone to a process that died, and is not in the hashes. */
  'command.ended': { command: string; end: CommandEnd; stdoutHash: string; stderrHash: string; hashedFrom?: { readonly stdout: number; readonly stderr: number } };
  /** The program itself where it is short, else a blob of its hash where blobs are kept. */
  'javascript.started': { call: string; language: JavaScriptLanguage; form: JavaScriptForm; sourceHash: string; source?: string; functions: readonly HostFunctionGroup[]; place?: JavaScriptPlace };
  'javascript.ended': { call: string; end: Omit<JavaScriptEnd, 'result'>; resultHash: string; consoleHash: string };
  /** `command` is the interpreter that runs it; the code is in the decision before it, and `codeHash` is its hash. */
  'call.started': { call: string; context: string; command: string; sandbox: string; language: ContextLanguage; codeHash: string };
  'call.ended': { call: string; end: CallEnd; stdoutHash: string; stderrHash: string; displaysHash: string };
  /** Where the operator's own configuration was found to have a registry that policy opens; `from` is the file that says so. */
  'egress.registry': { kind: RegistryKind; places: readonly { url: string; from: string; credential?: string; ownAuthority?: true }[]; notes?: readonly string[] };
  /** Egress said no on its own, whatever policy says: `host` is what the program asked for, as far as it could be read. */
  'egress.refused': { via: 'name' | 'proxy'; host?: string; port?: number; code: EgressRefusalCode; text: string };
  /** A request is about to leave that changes something and has a credential with it: written durably before it does. `egress.ended` follows, or nobody knows what came of it. */
  'egress.started': EgressStart;
  /** The process died while it was under way: whether it was done is not known, and it is not done again by us. */
  'egress.unknown': EgressStart;
  /** A request or a tunnel that was allowed is over; `path` is without its query, bytes are those of the bodies. */
  'egress.ended': {
    scheme: 'http' | 'https' | 'ws' | 'wss' | 'tcp';
    host: string;
    port: number;
    method?: string;
    path?: string;
    address?: string;
    status?: number;
    sentBytes: number;
    receivedBytes: number;
    wallMs: number;
    failure?: string;
    /** What went with it. */
    credentials?: readonly string[];
    /** The answer had a secret in it, which was taken out. */
    reflected?: true;
    /** Of `egress.started`. */
    request?: string;
    /** Nothing was dialled: the answer was kept of an earlier one. */
    cached?: true;
  };
  'anomaly.raised': Anomaly;
  'file.changed': { sandbox: string; operation: string; path: string; bytes: number };
  /** `request` is absent where an older version wrote it, which hashed requests in another way; `reservation` is in the books of its tenant. */
  'model.started': { call: string; model: string; requestHash: string; request?: RecordedRequest; worstCaseUsd: number; worstCaseTokens: number; reservation?: string };
  'model.ended': { call: string; reply: ModelReply };
  /** `tooLong`: the provider said that the request was longer than it takes. */
  'model.failed': { call: string; code: string; message: string; unknown: boolean; tooLong?: true };
  /** Another model is asked instead, for as long as `untilMs`. */
  'model.fell_back': { from: string; to: string; code: string; message: string; untilMs: number };
  /** In the books of a tenant's month: what a call may use at worst is put aside. `stream` is where it is written what became of the call. */
  'budget.reserved': Amounts & { reservation: string; user: string; stream: string; call: string; owner: string };
  /** What it came to, which counts from now on. `unknown`: nobody can tell, so it stays at its worst. */
  'budget.settled': Amounts & { reservation: string; how: 'used' | 'unused' | 'unknown' };
  /** In the same books, once for each budget and its month or day (`period`, such as 2026-11): so much of it is used that somebody should know. */
  'budget.warned': BudgetWarning;
  /** In the stream `control`: from now on nothing of this scope begins, and what runs ends, or stands still. */
  'control.stopped': { scope: StopScope; freeze: boolean; by: string; tenant: string; why?: string };
  'control.lifted': { scope: StopScope; by: string; tenant: string; why?: string };
  /** It stands still, with its sandboxes, until it is thawed or ended. */
  'session.frozen': { by: string; why?: string };
  'session.thawed': { by?: string };
  /** Here, in `run.forked` and in `run.checkpoint` a tree of version 2 may name the blob from which it can be had. */
  'run.created': { task: string; repository: string; baseTree: string; options: Readonly<Record<string, unknown>> };
  /** It goes on from a step of another run; what was said until then follows as `run.copied`, and `spent` is no spending of its own. */
  'run.forked': { parent: { run: string; seq: number; step: number }; tree?: string; tested?: TestReport; spent: Spending };
  /** It is what another tool recorded (or we, elsewhere: `isOurs`); what was said follows as `run.copied`. `file` is the hash of the file, which is not kept: it was not written by us. */
  'run.imported': { format: string; agent: string; isOurs: boolean; model: string; file: string; spent: Spending };
  'run.copied': { message: Message };
  'run.resumed': { fromSeq: number };
  /** The agent's sandbox holds the files of the last checkpoint: from here on it is worth taking back. */
  'run.prepared': { sandbox: string };
  /** `said` is the event of what a person said, where it is that. */
  'run.prompted': { text: string; said?: number };
  'run.tested': { when: 'before' | 'after'; report: TestReport; restored: readonly string[] };
  'tool.ended': { call: ToolCall; outcome: ToolOutcome };
  /** `ignored`: a tree of the files that git ignores, where the run keeps them. */
  'run.checkpoint': { tree: string; ignored?: string };
  'run.submitted': { summary: string };
  /** It cannot go on by itself: what was tried, what was seen, and what a person can do. */
  'run.escalated': { code: string; why: string; tried: readonly string[]; seen: readonly string[]; todo: readonly string[] };
  /** Written before it is done; once more for each attempt. `approval` is the one that let it be done again. */
  'effect.started': { effect: string; kind: EffectKind; target: Readonly<Record<string, string>>; what: string; approval?: string };
  /** `found`: looked up, or said by a person, after nobody knew. */
  'effect.ended': { effect: string; outcome: 'done' | 'failed' | 'given_up'; result?: string; why?: string; found?: true; approval?: string };
  /** It was looked for, and nobody can say. */
  'effect.unknown': { effect: string; seen: string };
  'run.exported': { how: 'stdout' | 'patch' | 'apply' | 'branch' | 'push'; target: string };
  'run.ended': RunSummary;
}
export type EventType = keyof EventData;

/** An event as it is written: `stream` is the run's id, or the session's where there is no run. */
export type JournalEvent<T extends EventType = EventType> = {
  [K in T]: {
    readonly stream: string;
    /** From 1, without a gap, in each stream. */
    readonly seq: number;
    readonly timeMs: number;
    readonly type: K;
    /** Version of the data's shape. */
    readonly version: number;
    readonly data: EventData[K];
    /** Hex SHA-256 of the event before it in the stream; 64 zeros for the first. */
    readonly previous: string;
    /** Hex SHA-256 over everything above in canonical JSON. */
    readonly hash: string;
  };
}[T];

export type NewEvent<T extends EventType = EventType> = { [K in T]: { readonly type: K; readonly data: EventData[K] } }[T];
