import { describeError } from '../contracts/index.ts';
import type { Notice } from './notice.ts';
import type { OpenChannel } from './notifier.ts';

/** An attempt takes no longer. */
const ATTEMPT_MS = 20_000;

export interface Tried {
  readonly channel: string;
  /** Why it did not come; absent where it did. */
  readonly failure?: string;
}

/** Says hello in each of them, once, whatever they are for. Never rejects. */
export function tryChannels(channels: readonly OpenChannel[], { nowMs, by, signal }: { readonly nowMs: number; readonly by: string; readonly signal: AbortSignal }): Promise<readonly Tried[]> {
  const notice: Notice = { id: `test#${nowMs}`, kind: 'alarm', type: 'test', timeMs: nowMs, stream: 'test', title: 'a test of this channel', text: `${by} wanted to see whether messages arrive here. They do.`, command: 'glovebox notify test', path: '/readyz' };
  return Promise.all(
    channels.map(async ({ name, way }) => {
      try {
        await way.send(notice, { id: `msg_test_${nowMs}_${name}`, link: undefined, signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]) });
        return { channel: name };
      } catch (error) {
        return { channel: name, failure: describeError(error) };
      }
    }),
  );
}
