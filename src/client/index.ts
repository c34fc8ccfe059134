// client: the server's HTTP API for programs in TypeScript; published as `glovebox/client`.
// It imports nothing of the service and nothing of Node, so that it runs in Node 20 and later, Bun, Deno and browsers.
// api.ts is written from the server's OpenAPI document (scripts/client-types.ts); all the rest says it in the field's own words.
// connection.ts is the only place that makes requests: keys, errors, retries of what is safe, streams that go on where they broke.
// Contract: glovebox.ts (Glovebox), sandbox.ts, command.ts, runs.ts, errors.ts. docs/client.md
export { Accounts } from './accounts.ts';
export { type Approval, type ApprovalAnswer, Approvals } from './approvals.ts';
export { Audit, type AuditReport } from './audit.ts';
export type { KeyOption, Retries } from './connection.ts';
export { Command, type CommandEnd, type CommandResult, type ByteChunk, type OutputChunk, type SignalName } from './command.ts';
export { type Call, type CallEvent, Context, Contexts } from './contexts.ts';
export { AbsentError, ConflictError, ConnectionError, DeniedError, ForbiddenKeyError, GloveboxError, type Issue, LimitError, RequestError, UnavailableError } from './errors.ts';
export { type Archive, type FileChange, type FileEntry, Files } from './files.ts';
export { Glovebox, type GloveboxOptions } from './glovebox.ts';
export { type JavaScriptEnd, JavaScript } from './javascript.ts';
export { type ApiKey, Keys } from './keys.ts';
export { type Decision, Policies, type Policy } from './policies.ts';
export { type ExportFormat, type NewRun, type Replay, type Run, type RunEvent, Runs } from './runs.ts';
export { type NewCommand, type NewSandbox, Sandbox, type SandboxState } from './sandbox.ts';
export { Sandboxes } from './sandboxes.ts';
export { type SecretEntry, Secrets } from './secrets.ts';
export { type Stop, type Stopped, Stops } from './stops.ts';
export { Terminal } from './terminal.ts';
export type { Waiting } from './shapes.ts';
