import { hash, randomUUID } from 'node:crypto';
import { ANSWERS_KEPT_MS, type BlobStore, canonicalJson, type Clock, type EventData, GloveboxError, type Journal, type JournalEvent, type Ownership, type Redactor } from '../../contracts/index.ts';

/** What is longer is a blob. */
const INLINE_CHARS = 8192;
/** Somebody else begins with the same key at the same moment at most so often. */
const MOST_TRIES = 5;
const RETRY_AFTER_SECONDS = 1;

/** A write that somebody asks for by a key of his own. */
export interface KeyedRequest {
  readonly tenant: string;
  readonly key: string;
  /** Of method and address, keyed with the key: nobody can guess from it what was in them. */
  readonly headHash: string;
  readonly method: string;
  /** As the route has it, without what identifies. */
  readonly route: string;
  readonly by: string;
  /** Done twice it is as done once. */
  readonly isRepeatable: boolean;
}

/** What a request was answered with. */
export interface Answer {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly location?: string | undefined;
  /** Undefined where nobody is told a second time. */
  readonly text: string | undefined;
}

export type Beginning = { readonly how: 'begun'; readonly stream: string } | { readonly how: 'answered'; readonly bodyHash: string; readonly answer: Answer };

export interface KeptAnswersOptions {
  readonly journal: Journal;
  /** For what is long. */
  readonly answers: BlobStore;
  /** Where older versions kept that. */
  readonly blobs: BlobStore | undefined;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly ownership: Ownership;
}

/** Answers of writes by the keys of those who asked, a stream each: whichever process is asked again finds what came of it, or that nobody knows. */
export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  /** Streams of those that are, and their tenants. */
  readonly #underWay = new Map<string, string>();

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
  }

  /** Errors: `key_reused`, `key_in_flight`, `outcome_unknown`. */
  async begin(asked: KeyedRequest): Promise<Beginning> {
    const stream = `request:${hash('sha256', canonicalJson([asked.tenant, asked.key]))}`;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const events = await this.#options.journal.read(stream);
      const last = events.at(-1);
      const beginning = this.#lastBeginning(events);
      if (beginning !== undefined && beginning.data.headHash !== asked.headHash) throw reused(asked);
      if (last?.type === 'request.answered' && beginning !== undefined) return { how: 'answered', bodyHash: last.data.bodyHash, answer: await this.#answerOf(last.data, asked.tenant) };
      if (beginning !== undefined && last?.type === 'request.begun') this.#demandOver(stream, last, asked);
      // Somebody of this process was quicker.
      if (this.#underWay.has(stream)) throw inFlight(asked);
      if (await this.#began(stream, asked, last?.seq ?? 0)) return { how: 'begun', stream };
    }
    throw inFlight(asked);
  }

  /** What was done is done once, and this is what came of it. Errors: those of the journal: nobody knows then. */
  async answered(stream: string, bodyHash: string, { text, ...answer }: Answer): Promise<void> {
    const said = await this.#kept(text, this.#underWay.get(stream));
    const { status, contentType, location } = answer;
    const data = { status, bodyHash, ...(contentType === undefined ? {} : { contentType }), ...(location === undefined ? {} : { location }), ...said };
    await this.#end(stream, { type: 'request.answered', data });
  }

  /** Nothing came of it for reasons that are ours or pass: it may be asked for again. */
  async released(stream: string, status: number): Promise<void> {
    await this.#end(stream, { type: 'request.released', data: { status } });
  }

  /** The one that counts now; undefined where there is none any more. */
  #lastBeginning(events: readonly JournalEvent[]): JournalEvent<'request.begun'> | undefined {
    const begun = events.findLast((event): event is JournalEvent<'request.begun'> => event.type === 'request.begun');
    const isOver = events.at(-1)?.type === 'request.released';
    return begun === undefined || isOver || begun.timeMs + ANSWERS_KEPT_MS <= this.#options.clock.now() ? undefined : begun;
  }

  /** Errors: `key_in_flight` where somebody is at it, `outcome_unknown` where somebody died at it. */
  #demandOver(stream: string, { data }: JournalEvent<'request.begun'>, asked: KeyedRequest): void {
    const { ownership } = this.#options;
    const isOurs = data.owner === ownership.name;
    if (this.#underWay.has(stream) || (!isOurs && !ownership.isDead(data.owner))) throw inFlight(asked);
    if (asked.isRepeatable) return;
    throw new GloveboxError('outcome_unknown', `the server stopped while it was at the request with the key ${JSON.stringify(asked.key)}: whether it was done nobody knows. Look, and ask again with another key where it was not`);
  }

  async #began(stream: string, { tenant, headHash, method, route, by }: KeyedRequest, expect: number): Promise<boolean> {
    this.#underWay.set(stream, tenant);
    try {
      await this.#options.journal.append(stream, [{ type: 'request.begun', data: { headHash, method, route, by, owner: this.#options.ownership.name } }], { durable: true, tenant, expect });
      return true;
    } catch (error) {
      this.#underWay.delete(stream);
      if (error instanceof GloveboxError && error.code === 'journal_moved') return false;
      throw error;
    }
  }

  async #end(stream: string, event: Parameters<Journal['append']>[1][number]): Promise<void> {
    try {
      await this.#options.journal.append(stream, [event]);
    } finally {
      this.#underWay.delete(stream);
    }
  }

  /** As everything that is written down, without the secrets that are known or can be seen. */
  async #kept(text: string | undefined, tenant: string | undefined): Promise<{ text?: string; answer?: string }> {
    if (text === undefined) return {};
    const clean = await withoutSecrets(text, this.#options.redactor);
    if (clean.length <= INLINE_CHARS || tenant === undefined) return { text: clean };
    // Its first line is like no other's: it is removed some day, and nothing else then that is the same.
    return { answer: await this.#options.answers.of(tenant).put(Buffer.from(`${randomUUID()}\n${clean}`)) };
  }

  async #answerOf({ status, contentType, location, ...said }: EventData['request.answered'], tenant: string): Promise<Answer> {
    return { status, contentType, location, text: await this.#textOf(said, tenant) };
  }

  async #textOf({ text, answer, blob }: Pick<EventData['request.answered'], 'text' | 'answer' | 'blob'>, tenant: string): Promise<string | undefined> {
    const { answers, blobs } = this.#options;
    if (answer !== undefined) return afterFirstLine((await answers.of(tenant).get(answer)).toString('utf8'));
    return blob === undefined || blobs === undefined ? text : (await blobs.of(tenant).get(blob)).toString('utf8');
  }
}

function afterFirstLine(text: string): string {
  return text.slice(text.indexOf('\n') + 1);
}

/** In JSON a secret may be written in another way: its values are looked at, not its text. */
async function withoutSecrets(text: string, redactor: Redactor): Promise<string> {
  try {
    return JSON.stringify(await redactor.all(JSON.parse(text) as unknown));
  } catch {
    // It is no JSON.
    return redactor.all(text);
  }
}

export function reused({ key }: Pick<KeyedRequest, 'key'>): GloveboxError {
  return new GloveboxError('key_reused', `the key ${JSON.stringify(key)} was used for another request: choose another key, or ask for the same again`);
}

function inFlight({ key }: KeyedRequest): GloveboxError {
  return new GloveboxError('key_in_flight', `the request with the key ${JSON.stringify(key)} is under way: ask again for what came of it`, { details: { retryAfterSeconds: RETRY_AFTER_SECONDS } });
}
