import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from '../broker/index.ts';
import type { Services, StockOptions } from '../cli/index.ts';
import type { Control, Ownership, Redactor, SecretSource, TelemetryOptions, WarmSandboxes } from '../contracts/index.ts';
import type { ObservedJournal } from '../journal/index.ts';
import { readNotifications } from '../policy/index.ts';
import { type JournalBudgets, type RunsPorts, UsageReadings } from '../runs/index.ts';
import type { openSandboxes } from '../sandbox/index.ts';
import { halt, keepReady, type RecordedChanges } from '../session/index.ts';
import type { Environment } from './state-folder.ts';
import type { Notes } from './written.ts';

type Places = Pick<ReturnType<typeof openSandboxes>, 'sandboxes' | 'isolates' | 'pooled'>;

interface OperationParts extends Places, Pick<RunsPorts, 'clock' | 'queue' | 'principal' | 'journal' | 'broker'> {
  readonly budgets: JournalBudgets;
  readonly ownership: Ownership;
  readonly env: Environment;
  readonly stateDir: string;
  readonly journalPlace: string;
  readonly redactor: Redactor;
  readonly control: Control;
  readonly observed: ObservedJournal;
  readonly notes: Notes;
  readonly changes: RecordedChanges;
  readonly secretAt: (source: SecretSource) => Promise<string>;
  readonly credentials: Credentials;
  readonly open: AsyncDisposableStack;
}

/** What a process that serves has beside what it serves: how it is watched, and sandboxes of which there are never more than the machine holds (`forMany`; whoever asks first says how many may stand ready). */
export function operate(parts: OperationParts): Pick<Services, 'telemetry' | 'usage' | 'notifier' | 'tryChannels' | 'halt' | 'keepReady' | 'forMany'> {
  const { clock, redactor, observed, queue, isolates, control, sandboxes, notes, changes, principal, open, journalPlace } = parts;
  let pool: WarmSandboxes | undefined;
  const sources = {
    queue: () => queue.depth(),
    isolates: () => isolates.load(),
    pool: () => (pool === undefined ? undefined : { stock: pool.stock(), ...pool.served() }),
    journalBytes: () => bytesOf(journalPlace),
    kinds: () => sandboxes.status(),
    stoppedBy: async () => (await control.stopOf({ tenant: '', stream: '' }))?.by,
  };
  const forMany = ({ ceiling = 0, ...limits }: StockOptions = {}): WarmSandboxes => (pool ??= open.use(parts.pooled({ ceiling, limits })));
  return {
    forMany,
    keepReady: (policy, floor, signal) => keepReady({ ...parts, sandboxes: forMany() }, policy, floor, signal),
    usage: new UsageReadings(parts),
    halt: (scope, until) => halt({ ...parts, revoke: (isOf, signal) => parts.credentials.sweep(signal, isOf) }, scope, until),
    ...notifying(parts),
    telemetry: async (options: TelemetryOptions) => {
      const { ProcessTelemetry } = await import('../telemetry/index.ts');
      const telemetry = await ProcessTelemetry.open({ clock, redactor, journal: observed, sources }, { ...tracing(parts.env), ...options });
      notes.tell = (text) => telemetry.log.write('warn', text);
      await changes.files(await configuration(parts), principal.name);
      return telemetry;
    },
  };
}

/** Where OpenTelemetry's own variables say that spans go. */
function tracing({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces, OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_SDK_DISABLED: off }: Environment): Pick<TelemetryOptions, 'tracesTo'> {
  const endpoint = traces ?? (all === undefined || all === '' ? undefined : `${all.replace(/\/$/, '')}/v1/traces`);
  return endpoint === undefined || endpoint === '' || off === 'true' ? {} : { tracesTo: endpoint };
}

/** How people are told of what needs them. */
function notifying(parts: OperationParts): Pick<Services, 'notifier' | 'tryChannels'> {
  const { clock, journal, ownership, observed, stateDir, env, principal } = parts;
  const open = async () => {
    const document = await readNotifications(env['GLOVEBOX_NOTIFICATIONS'] ?? join(stateDir, 'notifications.yaml'));
    const { Notifier, openChannels, tryChannels } = await import('../notify/index.ts');
    return { document, channels: await openChannels(document, parts), Notifier, tryChannels };
  };
  return {
    notifier: async () => {
      const { document, channels, Notifier } = await open();
      const running = new AsyncDisposableStack();
      if (channels.length === 0) return running;
      const notifier = running.use(new Notifier({ journal, clock, channels, ownership, baseUrl: document.base_url, note: (text) => parts.notes.tell(text) }));
      running.use(observed.observe(notifier));
      return running;
    },
    tryChannels: async (signal) => {
      const { channels, tryChannels } = await open();
      return tryChannels(channels, { nowMs: clock.now(), by: principal.name, signal });
    },
  };
}

/** A journal's file and its log; undefined where it is none. */
async function bytesOf(file: string): Promise<number | undefined> {
  const [main, log] = await Promise.all([file, `${file}-wal`].map((each) => stat(each).catch(() => undefined)));
  return main === undefined ? undefined : main.size + (log?.size ?? 0);
}

/** What the operator's files hold now, by hash: `sha256:…`. */
async function configuration({ env, stateDir }: Pick<OperationParts, 'env' | 'stateDir'>): Promise<Readonly<Record<string, string | undefined>>> {
  const names = ['roles.yaml', 'budgets.yaml', 'queue.yaml', 'credentials.yaml', 'registries.yaml', 'notifications.yaml'];
  const elsewhere: Readonly<Record<string, string | undefined>> = { 'roles.yaml': env['GLOVEBOX_ROLES'], 'budgets.yaml': env['GLOVEBOX_BUDGETS'], 'notifications.yaml': env['GLOVEBOX_NOTIFICATIONS'] };
  const contents = await Promise.all(names.map((name) => readFile(elsewhere[name] ?? join(stateDir, name)).catch(() => undefined)));
  return Object.fromEntries(names.map((name, i) => [name, contents[i] === undefined ? undefined : `sha256:${hash('sha256', contents[i])}`]));
}
