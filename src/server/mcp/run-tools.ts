import { z } from 'zod';
import { GloveboxError } from '../../contracts/index.ts';
import type { Runs } from '../../runs/index.ts';
import { runBody, runId, runInput } from '../run-shapes.ts';
import { runUri } from './resources.ts';
import type { Toolbox } from './toolbox.ts';

/** How a client has repositories mended. */
export interface FixOptions {
  readonly runs: Runs;
  /** Under which its runs are; not the model's to choose. */
  readonly policy: string;
  /** Who mends, where the client's model does not say. */
  readonly model?: string | undefined;
  /** Told of each run that waits for somebody to work at it. */
  readonly onQueued?: () => void;
  /** Fires when the server is about to end: nobody waits for a run any longer. */
  readonly stopping?: AbortSignal;
}

const MOST_WAIT_MS = 10 * 60_000;

const fixing = z.object({
  task: z.string().min(1).max(100_000).describe('what is to be done'),
  repository: z.string().max(2048).describe('its address, https://…'),
  model: z.string().max(256).optional().describe('anthropic:<model>, openai:<model> or openai-chat:<model>; has a default where the operator gave one'),
  testCommand: z.string().max(4096).optional().describe('shows whether it is done; by what lies in the repository where nothing is said'),
  maxUsd: z.number().positive().optional(),
});
const asking = z.object({ id: z.string().max(64), waitMs: z.number().int().min(0).max(MOST_WAIT_MS).default(0).describe('answer when it has ended, or after so long') });

/** An agent of ours that mends a repository in a sandbox of its own. */
export function addRunTools(tools: Toolbox, { runs, policy, model, onQueued, stopping }: FixOptions): void {
  const description = 'Leaves a task to a coding agent, which works in a sandbox until the tests pass. Answers at once with the id of a run: get_run tells how it goes.';
  tools.add('start_fix', { title: 'Have a repository fixed', description, input: fixing, annotations: { openWorldHint: true } }, async ({ model: wanted = model, ...asked }, { signal }) => {
    if (wanted === undefined) throw new GloveboxError('usage', 'name a model: anthropic:<model>, openai:<model> or openai-chat:<model>');
    const id = await runs.create(runInput({ ...asked, model: wanted, policy }), { signal, queue: {} });
    onQueued?.();
    return { text: id, links: [{ uri: runUri(id), name: id }] };
  });
  tools.add('get_run', { title: 'How a run goes', description: 'What has become of a run; its patch is a resource beside it once it has ended.', input: asking, annotations: { readOnlyHint: true } }, async ({ id: text, waitMs }, call) => {
    const id = runId(text);
    const state = await runs.show(id);
    if (waitMs > 0 && state.status !== 'ended') await ended(runs, id, AbortSignal.any([call.signal, AbortSignal.timeout(waitMs), ...(stopping === undefined ? [] : [stopping])]), (event) => call.tell(event));
    const now = runBody(id, await runs.show(id), await runs.isRunning(id));
    return { text: JSON.stringify(now, undefined, 2), links: [{ uri: runUri(id), name: id }, ...(now.status === 'ended' ? [{ uri: `${runUri(id)}/patch`, name: 'patch' }] : [])], failed: now.summary !== undefined && now.summary.outcome !== 'fixed' };
  });
}

/** Resolves when it has ended, or when the signal fires. */
async function ended(runs: Runs, id: ReturnType<typeof runId>, signal: AbortSignal, onEvent: (type: string) => void): Promise<void> {
  for await (const { type } of runs.follow(id, { signal })) {
    if (type === 'run.ended') return;
    onEvent(type);
  }
}
