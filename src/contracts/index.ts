// contracts: the shapes and ports that rooms share. No behaviour beyond reading units, making ids, telling time, writing canonical JSON, locking a file and asking for one that may be missing.
// Every room may import this one; it imports none.
// A port (Journal, Policy, Sandbox, Model, Workspace) is implemented in the room of its name, tested there by a suite
// that every implementation must pass, and handed to whoever needs it by `app.ts`.
// Shapes that come from outside (a policy document) are zod; the rest are plain types.
export * from './anomaly.ts';
export * from './approval.ts';
export * from './audit.ts';
export * from './broker.ts';
export * from './budget.ts';
export * from './canonical.ts';
export * from './context.ts';
export * from './control.ts';
export * from './decision.ts';
export * from './effect.ts';
export * from './envelope.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './file-lock.ts';
export * from './gen-ai.ts';
export * from './ids.ts';
export * from './javascript.ts';
export * from './journal.ts';
export * from './limits.ts';
export * from './model.ts';
export * from './notification.ts';
export * from './operation-events.ts';
export * from './ownership.ts';
export * from './policy.ts';
export * from './principal.ts';
export * from './redaction.ts';
export * from './registry.ts';
export * from './run-life.ts';
export * from './sandbox.ts';
export * from './settings-file.ts';
export * from './steady-rest.ts';
export * from './telemetry.ts';
export * from './tenancy.ts';
export * from './unless-missing.ts';
export * from './workspace.ts';
