import { type CommandId, type Decision, type EventData, GloveboxError, type Journal, type JournalEvent, type LiveSandbox, parseId, type Principal, type SandboxId, type ServedTerms, type SessionId } from '../contracts/index.ts';
import type { EarlierCommand } from './earlier-commands.ts';
import type { SessionOptions, SessionPorts } from './session-options.ts';

/** A command that a process left in a sandbox when it died. */
export interface LeftCommand extends EarlierCommand {
  readonly startedMs: number;
  /** Whoever started it may come back to it; for others nobody ever asks again. */
  readonly kept: EventData['command.started']['kept'];
}

/** A sandbox that was not gone when the process died. */
export interface LeftSandbox {
  readonly id: SandboxId;
  readonly createdMs: number;
  readonly wasPaused: boolean;
  /** Oldest first. */
  readonly commands: readonly LeftCommand[];
}

/** A session that a client of the service had open when the service died. */
export interface LeftSession {
  readonly id: SessionId;
  readonly openedMs: number;
  readonly principal: Principal;
  readonly policyHash: string;
  readonly terms: ServedTerms;
  readonly sandboxes: readonly LeftSandbox[];
}

/** Served sessions of these sandboxes that nobody has closed. Errors: `journal_failed`. */
export async function leftSessions(journal: Pick<Journal, 'read' | 'scan'>, sandboxes: readonly Pick<LiveSandbox, 'id' | 'createdMs'>[]): Promise<readonly LeftSession[]> {
  if (sandboxes.length === 0) return [];
  const wanted = new Set<string>(sandboxes.map(({ id }) => id));
  const fromMs = Math.min(...sandboxes.map(({ createdMs }) => createdMs));
  const streams = new Set<string>();
  for await (const { type, stream, data } of journal.scan(['sandbox.created'], { fromMs })) if (type === 'sandbox.created' && wanted.has(data.sandbox)) streams.add(stream);
  const sessions = await Promise.all([...streams].map(async (stream) => foldLeft(await journal.read(stream))));
  return sessions.filter((session) => session !== undefined);
}

/** How long it may still live, in milliseconds, where it may be gone on with. Errors: `policy_invalid` under another version, `denied`, `stopped`, `budget_exhausted`. */
export async function timeLeft(ports: SessionPorts, { policy, principal }: SessionOptions, left: Pick<LeftSession, 'id' | 'openedMs' | 'policyHash'>): Promise<number> {
  if (policy.hash !== left.policyHash) throw new GloveboxError('policy_invalid', `the policy ${policy.name} is another one by now`);
  if (ports.authority?.may(principal, 'start', principal.tenant) === false) throw new GloveboxError('denied', `no role of ${principal.name} lets him have a session any more`);
  const stopped = await ports.control?.stopOf({ tenant: principal.tenant, stream: left.id });
  if (stopped?.freeze === false) throw new GloveboxError('stopped', `it was stopped by ${stopped.by}`);
  const leftMs = left.openedMs + policy.grant.session.wallMs - ports.clock.now();
  if (leftMs <= 0) throw new GloveboxError('budget_exhausted', 'its time is over');
  return leftMs;
}

/** Undefined for one that no client opened, that was closed, or that has no sandbox. */
export function foldLeft(events: readonly JournalEvent[]): LeftSession | undefined {
  const [opened] = events;
  const id = opened === undefined ? undefined : parseId('ses', opened.stream);
  if (opened?.type !== 'session.opened' || id === undefined || opened.data.served === undefined) return undefined;
  const { principal: name, tenant, roles, policyHash, served } = opened.data;
  // An older version, which wrote neither, wrote no `served`.
  if (tenant === undefined || roles === undefined) return undefined;
  const drafts = new Drafts();
  for (const event of events) {
    if (event.type === 'session.closed') return undefined;
    drafts.apply(event);
  }
  return drafts.all.length === 0 ? undefined : { id, openedMs: opened.timeMs, principal: { name, tenant, roles }, policyHash, terms: served, sandboxes: drafts.all };
}

interface Draft extends Omit<LeftSandbox, 'commands'> {
  readonly commands: Map<string, LeftCommand>;
}

class Drafts {
  readonly #drafts = new Map<string, Draft>();
  #decision: Decision | undefined;

  get all(): readonly LeftSandbox[] {
    return [...this.#drafts.values()].map((draft) => ({ ...draft, commands: [...draft.commands.values()] }));
  }

  apply(event: JournalEvent): void {
    switch (event.type) {
      case 'sandbox.created':
        // An id went in, an id comes out.
        this.#drafts.set(event.data.sandbox, { id: event.data.sandbox as SandboxId, createdMs: event.timeMs, wasPaused: false, commands: new Map() });
        return;
      case 'sandbox.gone':
        this.#drafts.delete(event.data.sandbox);
        return;
      case 'sandbox.paused':
      case 'sandbox.resumed':
        this.#pause(event.data.sandbox, event.type === 'sandbox.paused');
        return;
      default:
        this.#applyToCommand(event);
    }
  }

  #applyToCommand(event: JournalEvent): void {
    if (event.type === 'decision') this.#decision = event.data.decision;
    // The decision stands right before it, in the same append.
    else if (event.type === 'command.started' && this.#decision !== undefined) {
      const { command: id, sandbox, argv, cwd, kept } = event.data;
      // As above.
      this.#drafts.get(sandbox)?.commands.set(id, { id: id as CommandId, argv, cwd, decision: this.#decision, hasEnded: false, startedMs: event.timeMs, kept });
    } else if (event.type === 'command.ended') for (const { commands } of this.#drafts.values()) end(commands, event.data.command);
  }

  #pause(id: string, wasPaused: boolean): void {
    const draft = this.#drafts.get(id);
    if (draft !== undefined) this.#drafts.set(id, { ...draft, wasPaused });
  }
}

/** One that nobody may come back to is of no interest any more. */
function end(commands: Map<string, LeftCommand>, id: string): void {
  const command = commands.get(id);
  if (command === undefined) return;
  if (command.kept === undefined) commands.delete(id);
  else commands.set(id, { ...command, hasEnded: true });
}
