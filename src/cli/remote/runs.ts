import type { Glovebox, NewRun, Replay } from '../../client/index.ts';
import { GloveboxError, type JournalEvent, type RunId, type RunSummary } from '../../contracts/index.ts';
import { foldRun, type ReplayReport, type RunInput } from '../../runs/index.ts';
import type { Place, PlacedRuns } from '../place.ts';
import { onlyHere } from './errors.ts';

/** A run is a fold over its events, there as here. */
export interface RemoteRuns extends PlacedRuns {
  events(stream: string, options: { readonly after: number; readonly follow: boolean; readonly signal?: AbortSignal | undefined }): AsyncIterable<JournalEvent>;
}

export function remoteRuns({ runs }: Glovebox): RemoteRuns {
  const elsewhere = (): Promise<never> => Promise.reject(onlyHere('a working tree is written'));
  const events: RemoteRuns['events'] = (stream, options) => runs.events(stream, options) as AsyncIterable<JournalEvent>; // docs/journal.md
  return {
    events,
    list: async ({ limit = Infinity }) => {
      const rows = [];
      for await (const { id, standing, task, createdMs, summary } of runs.list()) {
        if (rows.length >= limit) break;
        rows.push({ id: id as RunId, standing, state: { task, createdMs, summary: summary as RunSummary | undefined } }); // docs/api.md
      }
      return rows;
    },
    show: async (id) => foldRun(await Array.fromAsync(events(id, { after: 0, follow: false }))),
    follow: (id, { afterSeq = 0, signal }) => events(id, { after: afterSeq, follow: true, signal }),
    isRunning: async (id) => (await runs.get(id)).running,
    execute: (id, options) => endOf(events(id, { after: 0, follow: true, signal: options?.signal }), options?.signal),
    create: async (input, options) => (await runs.create(bodyOf(input, options?.queue?.notBeforeMs), { ...(options?.key === undefined ? {} : { key: options.key }), signal: options?.signal })).id as RunId,
    patch: async (id, signal) => ({ text: Buffer.from(await runs.patch(id, { signal })) }),
    apply: elsewhere,
    branch: elsewhere,
    push: elsewhere,
    // Who was given it is the server's to know.
    exported: () => Promise.resolve(),
    steer: {
      say: (id, text, options) => runs.say(id, text, options),
      pause: (id) => runs.pause(id),
      goOn: (id) => runs.resume(id),
      wake: () => Promise.resolve(),
      cancel: async (id, why) => {
        await runs.cancel(id, why === undefined ? {} : { why });
        return undefined;
      },
    },
  };
}

export function remoteHistory({ runs }: Glovebox): Pick<Place, 'replays' | 'forks' | 'trajectories'> {
  return {
    replays: () => ({
      strict: async (id, signal) => reportOf(await runs.replay(id, { signal })),
      live: async (id, { signal, stop = false, onObservation }) => {
        const report = reportOf(await runs.replay(id, { liveTools: true, stop, signal }));
        for (const observation of report.live?.observations ?? []) onObservation?.(observation);
        return report;
      },
    }),
    forks: () => ({ fork: async (id, { step, model, policy, prompt }) => (await runs.fork(id, { step, ...(model === undefined ? {} : { model }), ...(policy === undefined ? {} : { policy }), ...(prompt === undefined ? {} : { prompt }) })).id as RunId }),
    trajectories: () => ({ export: (id, format, _version, signal) => runs.export(id, format, { signal }) }),
  };
}

/** It is the same on both sides of the wire. */
function reportOf(report: Replay): ReplayReport {
  return report as unknown as ReplayReport;
}

/** What a server takes of what is asked for. */
function bodyOf(input: RunInput, notBeforeMs: number | undefined): NewRun {
  const { imageReference: _reference, image: _image, env: _env, fallback, ...asked } = input;
  return { ...asked, ...(fallback === undefined ? {} : { fallback: [...fallback] }), ...(notBeforeMs === undefined ? {} : { notBeforeMs }) };
}

async function endOf(events: AsyncIterable<JournalEvent>, signal: AbortSignal | undefined): Promise<RunSummary> {
  try {
    for await (const event of events) if (event.type === 'run.ended') return event.data;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
  throw new GloveboxError('cancelled', 'nobody watches any more; the run goes on');
}
