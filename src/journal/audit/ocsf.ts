import type { EventData, EventType, JournalEvent } from '../../contracts/index.ts';
import type { PayloadReader } from '../seal/payload-reader.ts';
import { toEvent } from '../stored-event.ts';
import type { ExportOptions } from './audit-export.ts';
import { exportedEvents, exportedStreams } from './audit-export.ts';
import type { AuditReading } from './audit-store.ts';
import type { OcsfBody } from './ocsf-classes.ts';
import { API, APPLICATION, AUTHENTICATION, BASE, decisionBody, egressBody, FILE, NETWORK, PROCESS } from './ocsf-classes.ts';

/** The version of the Open Cybersecurity Schema Framework that the classes are of (https://schema.ocsf.io/1.6.0). */
const OCSF_VERSION = '1.6.0';

/** What an event is to a SIEM. Types that have no place here are base events: told of, and not interpreted. */
const BODIES: { readonly [T in EventType]?: (data: EventData[T], event: JournalEvent) => OcsfBody } = {
  'session.opened': (data, { stream }) => AUTHENTICATION(1, { user: { name: data.principal, ...(data.tenant !== undefined && { domain: data.tenant }) }, service: { name: 'glovebox' }, session: { uid: stream } }),
  'session.closed': (data, { stream }) => AUTHENTICATION(2, { user: { name: 'unknown' }, service: { name: 'glovebox' }, session: { uid: stream }, message: data.why }),
  decision: decisionBody,
  'approval.answered': (data) => API('approval.answer', 3, { actor: { user: { name: data.by, domain: data.tenant } }, status_id: 1, message: `answered ${data.answer}` }),
  'approval.refused': (data) => API('approval.answer', 3, { actor: { user: { name: data.by } }, status_id: 2, message: data.text }),
  'command.started': ({ command, sandbox, argv, cwd }) => PROCESS(1, sandbox, { uid: command, cmd_line: argv.join(' '), working_directory: cwd, ...(argv[0] !== undefined && { name: argv[0] }) }),
  'command.ended': ({ command, end }) => PROCESS(2, undefined, { uid: command }, { status_detail: end.cause, ...(end.exitCode !== undefined && { exit_code: end.exitCode }) }),
  'javascript.started': ({ call, language }) => PROCESS(1, 'isolate', { uid: call, name: language }),
  'javascript.ended': ({ call, end }) => PROCESS(2, 'isolate', { uid: call }, { status_detail: end.cause }),
  'call.started': ({ call, sandbox, language }) => PROCESS(1, sandbox, { uid: call, name: language }),
  'call.ended': ({ call, end }) => PROCESS(2, undefined, { uid: call }, { status_detail: end.cause }),
  'egress.refused': ({ host = 'unknown', port, code, text }) => NETWORK(5, { dst_endpoint: { hostname: host, ...(port !== undefined && { port }) }, status_id: 2, status_code: code, status_detail: text }),
  'egress.ended': egressBody,
  'file.changed': ({ sandbox, operation, path, bytes }) => FILE(operation === 'delete' ? 4 : 3, sandbox, { path, name: path.slice(path.lastIndexOf('/') + 1), type_id: 0, size: bytes }),
  'model.started': ({ model, call }) => API('model.call', 99, { actor: { app_name: 'glovebox' }, resources: [{ name: model, type: 'model' }], message: call }),
  'model.failed': ({ call, code, message }) => API('model.call', 99, { actor: { app_name: 'glovebox' }, status_id: 2, status_code: code, status_detail: message, message: call }),
  'tool.ended': ({ outcome }) => API(`tool.${outcome.tool}`, 99, { actor: { app_name: 'glovebox' }, status_id: outcome.ok ? 1 : 2, message: outcome.callId }),
  'run.created': (data, { stream }) => APPLICATION(3, stream, { message: data.task }),
  'run.ended': (data, { stream }) => APPLICATION(4, stream, { status_detail: data.outcome, message: data.detail }),
  'run.exported': ({ how, target }, { stream }) => API('run.export', 1, { actor: { app_name: 'glovebox' }, resources: [{ uid: stream, name: target, type: how }] }),
  'api_key.created': ({ key, name, tenant, by }) => API('key.create', 1, { actor: { user: { name: by } }, resources: [{ uid: key, name, type: 'api_key' }], message: tenant }),
  'api_key.revoked': ({ key, by }) => API('key.revoke', 4, { actor: { user: { name: by } }, resources: [{ uid: key, type: 'api_key' }] }),
  'secret.set': ({ name, by, tenant }) => API('secret.set', 3, { actor: { user: { name: by, domain: tenant } }, resources: [{ name, type: 'secret' }] }),
  'secret.removed': ({ name, by, tenant }) => API('secret.remove', 4, { actor: { user: { name: by, domain: tenant } }, resources: [{ name, type: 'secret' }] }),
  'master_key.change_begun': ({ to, by, tenant }) => API('master_key.change', 3, { actor: { user: { name: by, domain: tenant } }, resources: [{ uid: to, type: 'master key' }] }),
  'master_key.changed': ({ to, by, tenant }) => API('master_key.changed', 3, { actor: { user: { name: by, domain: tenant } }, resources: [{ uid: to, type: 'master key' }] }),
  'control.stopped': ({ scope, freeze, by, tenant }) => API(freeze ? 'control.freeze' : 'control.stop', 99, { actor: { user: { name: by, domain: tenant } }, resources: [{ type: scope.what }] }),
  'control.lifted': ({ scope, by, tenant }) => API('control.lift', 99, { actor: { user: { name: by, domain: tenant } }, resources: [{ type: scope.what }] }),
  'config.changed': ({ file, hash = 'removed', by }) => API('config.change', 3, { actor: { user: { name: by } }, resources: [{ name: file, uid: hash, type: 'file' }] }),
  'policy.changed': ({ policy, hash, refused }) => API('policy.change', 3, { actor: { app_name: 'glovebox' }, resources: [{ name: policy, uid: hash, type: 'policy' }], ...(refused !== undefined && { status_id: 2, status_detail: refused }) }),
};

/** A JSON object a line, an event each, in the order of the journal. Errors: as `exportedEvents`. */
export async function* ocsfLines(reading: AuditReading, options: ExportOptions, payloads?: PayloadReader): AsyncIterable<string> {
  for await (const kept of exportedStreams(reading, options)) {
    const tenant = kept.end?.tenant ?? '';
    for await (const stored of exportedEvents(kept)) {
      const event = toEvent(stored);
      yield JSON.stringify(toOcsf((await payloads?.read(event))?.event ?? event, tenant));
    }
  }
}

/** `metadata.uid` and `original_event_uid` lead back to the journal: stream/number, and the hash. */
function toOcsf(event: JournalEvent, tenant: string): Omit<OcsfBody, 'profiles'> {
  const { profiles, ...body } = bodyOf(event);
  return {
    ...body,
    category_uid: Math.floor(body.class_uid / 1000),
    type_uid: body.class_uid * 100 + body.activity_id,
    time: event.timeMs,
    severity_id: body.status_id === 2 ? 2 : 1,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'glovebox', vendor_name: 'glovebox' },
      uid: `${event.stream}/${event.seq}`,
      original_event_uid: event.hash,
      event_code: event.type === 'erased' ? event.data.was : event.type,
      tenant_uid: tenant,
      correlation_uid: event.stream,
      sequence: event.seq,
      ...(profiles !== undefined && { profiles }),
    },
  };
}

function bodyOf(event: JournalEvent): OcsfBody {
  if (event.type === 'erased') return BASE(event.data.was);
  // Each entry takes the data of its own type, which an index by a union cannot show. A type that this program does not know has none.
  const body = BODIES[event.type] as ((data: unknown, event: JournalEvent) => OcsfBody) | undefined;
  return body === undefined ? BASE(event.type) : body(event.data, event);
}
