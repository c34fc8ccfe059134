import { randomUUID } from 'node:crypto';
import { inputRequired, type CallToolResult, type InputRequiredResult, type ServerContext } from '@modelcontextprotocol/server';
import { type Approval, type ApprovalAnswer, GloveboxError } from '../../contracts/index.ts';
import { describeApproval } from '../../session/index.ts';

type Said = { readonly answer: ApprovalAnswer } | undefined;

interface Question {
  readonly approval: Approval;
  readonly say: (said: Said) => void;
}

/** How long a client may take to bring its person's answer; what the call began is ended then. */
const ANSWER_MS = 10 * 60_000;
/** Progress is told so often at most. */
const TELL_EVERY_MS = 500;
const LINE_CHARS = 200;

/**
 * One call of a tool, which may take several exchanges: where policy asks, the client is given the question and comes back with what its person said,
 * while what was begun waits here.
 */
export class Call {
  /** Unguessable: whoever comes back with it goes on with the call. */
  readonly id = randomUUID();
  readonly #over = new AbortController();
  readonly #done: Promise<CallToolResult>;
  /** Fires when its client does not come back with an answer. */
  #late: NodeJS.Timeout | undefined;
  #mayAsk = false;
  #question: Question | undefined;
  #changed = Promise.withResolvers<void>();
  #tell: (text: string) => void = () => {};

  constructor(act: (call: Call) => Promise<CallToolResult>) {
    // Begun when the client has been heard: what it asks first may be a question.
    this.#done = Promise.resolve().then(() => act(this));
    // Whoever waits for it hears of it.
    this.#done.catch(() => undefined);
  }

  /** Fires when nobody wants it any more. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether its client has a person who can be asked now. */
  get canAsk(): boolean {
    return this.#mayAsk && this.#question === undefined;
  }

  /** Undefined where he said nothing. Rejects when the signal fires. */
  ask(approval: Approval, signal: AbortSignal): Promise<Said> {
    const { promise, resolve, reject } = Promise.withResolvers<Said>();
    const elsewhere = (): void => {
      this.#question = undefined;
      reject(signal.reason as Error);
    };
    const say = (said: Said): void => {
      signal.removeEventListener('abort', elsewhere);
      this.#question = undefined;
      resolve(said);
    };
    signal.addEventListener('abort', elsewhere, { once: true });
    this.#question = { approval, say };
    this.#changed.resolve();
    return promise;
  }

  /** Says how it goes, where the client wants to know. */
  tell(text: string): void {
    this.#tell(text.slice(-LINE_CHARS));
  }

  /** One exchange of it: ends with its result, or with a question. A client that goes away in the middle ends the call. */
  async exchange(context: ServerContext, mayAsk: boolean): Promise<CallToolResult | InputRequiredResult> {
    const { signal, inputResponses } = context.mcpReq;
    clearTimeout(this.#late);
    const gone = (): void => this.#over.abort(new GloveboxError('cancelled', 'its client wants it no more'));
    if (signal.aborted) gone();
    signal.addEventListener('abort', gone, { once: true });
    this.#mayAsk = mayAsk;
    this.#tell = progressOf(context);
    const asked = this.#question;
    if (asked !== undefined) asked.say(heard(asked.approval, inputResponses?.[asked.approval.id]));
    try {
      return await this.#next();
    } finally {
      signal.removeEventListener('abort', gone);
      this.#tell = () => {};
    }
  }

  async #next(): Promise<CallToolResult | InputRequiredResult> {
    for (;;) {
      this.#changed = Promise.withResolvers<void>();
      if (this.#question !== undefined) return this.#put(this.#question);
      const ended = await Promise.race([this.#done, this.#changed.promise]);
      if (ended !== undefined) return ended;
    }
  }

  #put({ approval }: Question): InputRequiredResult {
    this.#late = setTimeout(() => this.#over.abort(new GloveboxError('cancelled', 'its client did not come back with an answer')), ANSWER_MS).unref();
    return inputRequired({ requestState: this.id, inputRequests: { [approval.id]: inputRequired.elicit({ message: describeApproval(approval), requestedSchema: questionOf(approval) }) } });
  }
}

const ANSWERS = { once: 'allow it this once', session: 'allow it for this session', never: 'refuse it' };
const EFFECT_ANSWERS = { once: 'do it again', happened: 'it has happened', never: 'give it up' };

function answersOf({ question }: Approval): Readonly<Partial<Record<ApprovalAnswer, string>>> {
  return question.request.action === 'effect.repeat' ? EFFECT_ANSWERS : ANSWERS;
}

function questionOf(approval: Approval) {
  const answers = Object.entries(answersOf(approval));
  return {
    type: 'object' as const,
    properties: { answer: { type: 'string' as const, title: 'answer', oneOf: answers.map(([answer, title]) => ({ const: answer, title })) } },
    required: ['answer'],
  };
}

/** Only what stands there for choice is an answer; whoever turns the question away has said no, and whoever closes it has said nothing. */
function heard(approval: Approval, response: unknown): Said {
  const { action, content } = (response ?? {}) as { action?: unknown; content?: { answer?: unknown } };
  if (action === 'decline') return { answer: 'never' };
  const said = action === 'accept' ? content?.answer : undefined;
  return typeof said === 'string' && Object.hasOwn(answersOf(approval), said) ? { answer: said as ApprovalAnswer } : undefined;
}

function progressOf({ mcpReq }: ServerContext): (text: string) => void {
  const token = mcpReq._meta?.progressToken;
  if (token === undefined) return () => {};
  let progress = 0;
  let toldMs = 0;
  return (message) => {
    if (Date.now() - toldMs < TELL_EVERY_MS) return;
    toldMs = Date.now();
    progress += 1;
    // A client that is not there any more is noticed by its signal.
    mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, message } }).catch(() => undefined);
  };
}
