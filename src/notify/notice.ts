import { type EventData, type JournalEvent, MICRO_USD, type NoticeKind } from '../contracts/index.ts';

/** Something that people are told. */
export interface Notice {
  /** `<stream>#<seq>`, or what many events are about within ten minutes: the same for whoever finds it. */
  readonly id: string;
  readonly kind: NoticeKind;
  /** Of the event, such as `approval.requested`. */
  readonly type: string;
  readonly timeMs: number;
  readonly stream: string;
  /** One line. */
  readonly title: string;
  readonly text: string;
  /** What opens the very thing: a command, and a path of the HTTP API. */
  readonly command: string;
  readonly path: string;
}

interface Told extends Pick<Notice, 'kind' | 'title' | 'text' | 'command' | 'path'> {
  /** What it is about, where others say the same. */
  readonly about?: string;
}

const SAME_MS = 10 * 60_000;

/** What of a request is shown: who answers looks at the whole of it. */
const SHOWN_CHARS = 400;

const TELL = {
  'approval.requested': ({ request, askedBy, reason, policy, expiresAtMs }, stream) => ({
    kind: 'approval',
    title: `${askedBy} asks for leave: ${request.action}`,
    text: `${cut(JSON.stringify(request))}\npolicy ${policy} asks because: ${reason.text}\nuntil ${new Date(expiresAtMs).toISOString()}`,
    command: `glovebox approve ${stream}`,
    path: `/v1/approvals/${stream}`,
  }),
  'run.escalated': ({ code, why, tried, seen, todo }, stream) => ({
    kind: 'escalation',
    title: `${stream} cannot go on by itself: ${code}`,
    text: [why, ...list('tried', tried), ...list('seen', seen), ...list('what you can do', todo)].join('\n'),
    command: `glovebox runs show ${stream}`,
    path: `/v1/runs/${stream}`,
  }),
  'anomaly.raised': ({ kind, text }, stream) => ({ kind: 'alarm', title: `alarm in ${stream}: ${kind}`, text, ...events(stream) }),
  'model.fell_back': ({ from, to, code, message }, stream) => ({ kind: 'alarm', title: `${from} cannot be had (${code}): ${to} is asked instead`, text: message, about: `model:${from}`, ...events(stream) }),
  'budget.warned': ({ scope, name, period, limit, used }) => ({
    kind: 'budget',
    title: `${name} has used most of ${scope.startsWith('tenant.') ? 'its' : 'his'} budget of ${period}`,
    text: [...amount('$', used.microUsd / MICRO_USD, limit.microUsd === undefined ? undefined : limit.microUsd / MICRO_USD), ...amount('', used.tokens, limit.tokens, ' tokens')].join('\n'),
    command: 'glovebox budgets',
    path: '/v1/budgets',
  }),
  'control.stopped': ({ scope, freeze, by, why = 'no reason was given' }) => ({
    kind: 'stop',
    title: `${by} has ${freeze ? 'frozen' : 'stopped'} ${scope.what === 'all' ? 'everything' : scope.what === 'tenant' ? `the tenant ${scope.tenant}` : scope.run}`,
    text: why,
    command: 'glovebox stop',
    path: '/readyz',
  }),
} as const satisfies { readonly [T in keyof EventData]?: (data: EventData[T], stream: string) => Told };

/** The types of events that people are told of. */
export const NOTICE_EVENTS = Object.keys(TELL) as readonly (keyof typeof TELL)[]; // the very keys that were written there

/** Undefined for what nobody needs to know at once. */
export function noticeOf(event: JournalEvent): Notice | undefined {
  if (!Object.hasOwn(TELL, event.type)) return undefined;
  // Each entry takes the data of its own type, which an index by a union cannot show.
  const tell = TELL[event.type as keyof typeof TELL] as (data: unknown, stream: string) => Told;
  const { title, about, ...told } = tell(event.data, event.stream);
  const id = about === undefined ? `${event.stream}#${event.seq}` : `${about}#${Math.floor(event.timeMs / SAME_MS)}`;
  return { id, type: event.type, timeMs: event.timeMs, stream: event.stream, title: cut(title.replaceAll(/\s+/g, ' ')), ...told };
}

function events(stream: string): Pick<Told, 'command' | 'path'> {
  if (stream.startsWith('run_')) return { command: `glovebox runs show ${stream}`, path: `/v1/runs/${stream}` };
  return { command: `glovebox audit export --run ${stream}`, path: '/v1/audit/export' };
}

/** None where it has no limit. */
function amount(sign: string, used: number, limit: number | undefined, unit = ''): readonly string[] {
  return limit === undefined ? [] : [`${sign}${used.toLocaleString('en')} of ${sign}${limit.toLocaleString('en')}${unit}: ${Math.floor((100 * used) / limit)} %`];
}

function list(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `- ${line}`)];
}

function cut(text: string): string {
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)} … (${text.length - SHOWN_CHARS} characters more)`;
}
