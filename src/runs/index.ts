// runs: a run's life. It takes a repository in, lets the agent work in a session's sandbox, takes the patch, and tests it in a fresh one.
// A run is a fold over its journal stream (run-state.ts) and nothing else: what died or was interrupted goes on from there, with each effect once.
// Order of what an agent does: the reply is journalled, the tool runs, and its outcome is journalled together with the tree it left behind.
// The agent is not believed: the patch is the host's own comparison of trees, and tests that it touched are put back before the verdict.
// Contract: runs.ts (Runs), run-input.ts (what is asked), run-state.ts (what there is), leases.ts (one process a run), replay/ (a run done again, or forked),
// trajectory/ (runs in the formats of others), usage/ (what a tenant used), queue/ (which worker takes which run, and when), steering/ (what persons ask of a run while it goes on). docs/runs.md
export { type BudgetStatement, JournalBudgets } from './budget/journal-budgets.ts';
export type { Leases } from './leases.ts';
export { JournalQueue } from './queue/journal-queue.ts';
export { openDatabaseQueue } from './queue/postgres/open-database-queue.ts';
export type { Queue } from './queue/queue.ts';
export { openFileQueue } from './queue/open-file-queue.ts';
export { NO_LIMITS, type QueueLimits, readQueueLimits } from './queue/queue-limits.ts';
export { wakeRun } from './queue/wake-run.ts';
export { Worker, type WorkerOptions } from './queue/worker.ts';
export { type ForkInput, Forks } from './replay/forks.ts';
export type { Observation } from './replay/live-replay.ts';
export { type ReplayReport, Replays } from './replay/replays.ts';
export type { RunInput, RunOptions } from './run-input.ts';
export { type RunOutline, standing } from './run-outline.ts';
export { foldRun, type RunState } from './run-state.ts';
export { Runs, type RunListing } from './runs.ts';
export { type ExportFormat, Trajectories } from './trajectory/trajectories.ts';
export { type Usage, UsageReadings, type UsageReport } from './usage/usage-readings.ts';
export type { ExecuteOptions, RunsPorts } from './runs-ports.ts';
