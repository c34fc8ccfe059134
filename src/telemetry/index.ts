// telemetry: what a process that serves tells of itself, for those who run it. docs/operations.md
// Nothing here decides or does anything: it sees what the process appends to the journal and which requests it answers, and asks a few sources when somebody reads.
// log/ writes lines (pino), each with the ids of what goes on; whatever is in them went through the redactor.
// metrics/ counts (prom-client): labels are few, and their values bounded.
// traces/ sends spans (OpenTelemetry), read from the same; nothing of it is loaded where nobody wants any.
// Contract: telemetry.ts (ProcessTelemetry), degradations.ts (what does not work as it should while the rest goes on).
export { ProcessTelemetry } from './telemetry.ts';
