import { GloveboxError, type Model, type ModelReply, randomIds, systemClock } from '../../src/contracts/index.ts';
import { FilePolicies, readBudgets } from '../../src/policy/index.ts';
import { JournalBudgets } from '../../src/runs/index.ts';
import { FolderOwnership } from '../../src/sandbox/index.ts';
import { Session, type SessionPorts } from '../../src/session/index.ts';
import { journalIn } from './journal-in.ts';

/** A call: what it may cost at worst, and what it costs, in USD; `lost` where nobody can tell. */
export interface Call {
  readonly worst: number;
  readonly cost: number | 'lost' | 'refused';
}

/** A model that costs what it is told to. */
export function costing({ worst, cost }: Call, name = 'm'): Model {
  return {
    provider: 'fake',
    name,
    worstCase: () => ({ usd: worst, tokens: 100 }),
    complete: async (): Promise<ModelReply> => {
      await new Promise((resolve) => setImmediate(resolve));
      if (cost === 'lost') throw new GloveboxError('model_unavailable', 'the answer broke off', { details: { costUnknown: true } });
      if (cost === 'refused') throw new GloveboxError('model_rejected', 'not today');
      const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4, reasoningTokens: 2 };
      return { text: '', calls: [], stop: 'done', usage, usd: cost, raw: undefined };
    },
  };
}

export const REQUEST = { system: '', messages: [], tools: [], maxOutputTokens: 1 };

/** One process's view of the books: its own connection to the store. */
export async function openBooks(folder: string, isDead?: (owner: string) => boolean) {
  const journal = journalIn(folder);
  // Whoever reads is overtaken by others before he acts on it.
  const read = journal.read.bind(journal);
  journal.read = async (stream, afterSeq) => {
    const events = await read(stream, afterSeq);
    await new Promise((resolve) => setImmediate(resolve));
    return events;
  };
  const limits = await readBudgets(`${folder}/budgets.yaml`);
  const ownership = new FolderOwnership(folder);
  const budgets = new JournalBudgets({ journal, clock: systemClock, limits, ownership: isDead === undefined ? ownership : { name: ownership.name, isDead } });
  return { journal, budgets, [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose]() };
}

/** A session that may only ask models. */
export async function openSpender(folder: string, principal: Parameters<typeof Session.open>[1]['principal'], books: Pick<SessionPorts, 'journal' | 'budgets'>, options: { run?: string; fallbacks?: readonly Model[] } = {}): Promise<Session> {
  const never = (): never => {
    throw new Error('this session has no sandboxes');
  };
  const sandboxes = { create: never, list: never, adopt: never, status: never, sweep: never };
  const policy = await new FilePolicies([folder]).load('spend');
  return Session.open({ ...books, sandboxes, clock: systemClock, ids: randomIds(systemClock) }, { principal, policy, ...options });
}
