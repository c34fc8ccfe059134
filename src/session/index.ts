// session: the heart. A session is what a policy governs: one principal, one policy version, its sandboxes and its spending.
// It is the only place that decides, asks a person, writes the journal, and then acts through the ports of contracts/.
// Order of every action: decide, journal (intent and decision), act, journal (result); what leaves the machine waits for a durable barrier.
// Tools, the agent, runs and the CLI touch a sandbox or a model through a session and in no other way.
// Contract: session.ts (Session), governed-sandbox.ts (commands), governed-files.ts (files), contexts/ (interpreters), governed-javascript.ts (programs in isolates),
// approvals/ (who is asked, what he answered, and what that is bound to), control/ (the kill switch), administration/ (what is done to the installation), model-calls.ts (what a call may cost, and what it did), outside-effects.ts (what cannot be taken back).
export { MasterKeyChange, type MasterKeyChanged } from './administration/master-key-change.ts';
export { RecordedChanges } from './administration/recorded-changes.ts';
export { RecordedSecrets } from './administration/recorded-secrets.ts';
export type { Approver, Attendance } from './approvals/approver.ts';
export { describeApproval, safely } from './approvals/describe-approval.ts';
export { JournalApprovals } from './approvals/journal-approvals.ts';
export { collectOutput, type CollectedOutput } from './collect-output.ts';
export { CutText, type OutputLimits } from './cut-text.ts';
export type { CallRequest, Context, GovernedCall } from './contexts/context.ts';
export { halt, type Halted } from './control/halt.ts';
export { JournalControl } from './control/journal-control.ts';
export type { Contexts } from './contexts/contexts.ts';
export { type EarlierCommand, MOST_UNSETTLED } from './earlier-commands.ts';
export type { GovernedJavaScript, JavaScriptRequest } from './governed-javascript.ts';
export { type ProgramGrants, type ProgramTool, requestWords } from './javascript-functions.ts';
export type { GovernedFiles } from './governed-files.ts';
export type { GovernedCommand, GovernedSandbox, CommandRequest } from './governed-sandbox.ts';
export { OutsideEffects } from './outside-effects.ts';
export type { Snapshot } from './snapshots.ts';
export { adoptLeft, endLeft, givenEnv } from './end-left.ts';
export { type LeftCommand, type LeftSandbox, type LeftSession, leftSessions } from './left-session.ts';
export { messageDigest, RequestRecord } from './request-record.ts';
export { keepReady } from './sandbox-under.ts';
export { Session } from './session.ts';
export { plus } from './spending.ts';
export type { SessionOptions, SessionPorts } from './session-options.ts';
export { WayOut } from './way-out.ts';
