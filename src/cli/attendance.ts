import { createInterface } from 'node:readline/promises';
import type { Approval, ApprovalAnswer, ApprovalId, Principal } from '../contracts/index.ts';
import { type Approver, type Attendance, describeApproval } from '../session/index.ts';
import type { Terminal } from './terminal.ts';

/** Asks whoever sits at the terminal: one question at a time. */
class TerminalApprover implements Approver {
  readonly principal: Principal;
  readonly #terminal: Terminal;
  #last: Promise<unknown> = Promise.resolve();

  constructor(terminal: Terminal, principal: Principal) {
    this.#terminal = terminal;
    this.principal = principal;
  }

  ask(approval: Approval, signal: AbortSignal): Promise<{ readonly answer: ApprovalAnswer } | undefined> {
    const asked = this.#last.then(() => this.#ask(approval, signal));
    this.#last = asked.catch(() => {});
    // One that was answered elsewhere does not wait for its turn here.
    return new Promise((resolve, reject) => {
      const over = (): void => reject(signal.reason as Error);
      if (signal.aborted) over();
      signal.addEventListener('abort', over, { once: true });
      asked.then(resolve, reject).finally(() => signal.removeEventListener('abort', over));
    });
  }

  refused(id: ApprovalId, why: string): void {
    this.#terminal.note(`${id}: ${why}`, 'yellow');
  }

  async #ask(approval: Approval, signal: AbortSignal): Promise<{ readonly answer: ApprovalAnswer } | undefined> {
    signal.throwIfAborted();
    this.#terminal.note(`\n${describeApproval(approval)}`);
    const reader = createInterface({ input: this.#terminal.stdin, output: this.#terminal.stderr });
    // Readline takes the key that would have stopped us.
    reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    const closed = new Promise<undefined>((resolve) => reader.once('close', () => resolve(undefined)));
    try {
      const isEffect = approval.question.request.action === 'effect.repeat';
      const said = await Promise.race([reader.question(isEffect ? EFFECT_PROMPT : PROMPT, { signal }), closed]);
      return said === undefined ? undefined : { answer: isEffect ? answerOfEffect(said) : answerOf(said) };
    } finally {
      reader.close();
    }
  }
}

const PROMPT = 'allow it: [o]nce, for this [s]ession, or [N]ever? ';
const EFFECT_PROMPT = 'do it [a]gain, it has [h]appened, or [G]ive it up? ';

/** Only a plain word is one. */
function answerOfEffect(text: string): ApprovalAnswer {
  const said = text.trim().toLowerCase();
  if (said === 'a' || said === 'again') return 'once';
  return said === 'h' || said === 'happened' ? 'happened' : 'never';
}

/** Only a plain yes is one. */
function answerOf(text: string): ApprovalAnswer {
  switch (text.trim().toLowerCase()) {
    case 'o':
    case 'once':
    case 'y':
    case 'yes':
      return 'once';
    case 's':
    case 'session':
      return 'session';
    default:
      return 'never';
  }
}

/** Who is there while a command runs: somebody to ask, where there is a terminal; and where there is none, somebody is told for what it waits. */
export function attendanceAt(terminal: Terminal, principal: Principal): Attendance {
  const onWaiting = ({ id, question }: Pick<Approval, 'id' | 'question'>): void => {
    terminal.note(`${describeApproval({ id, question })}\nwaiting until ${new Date(question.expiresAtMs).toISOString()}: glovebox approve ${id}, or glovebox deny ${id}`, 'yellow');
  };
  return terminal.interactive ? { approver: new TerminalApprover(terminal, principal) } : { onWaiting };
}
