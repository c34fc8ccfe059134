import { createInterface } from 'node:readline/promises';
import type { Decision, DecisionRequest } from '../contracts/index.ts';
import type { Approval, Approver } from '../session/index.ts';
import { printable, type Terminal } from './terminal.ts';

/** Asks whoever sits at the terminal. */
class TerminalApprover implements Approver {
  readonly #terminal: Terminal;
  readonly #principal: string;

  constructor(terminal: Terminal, principal: string) {
    this.#terminal = terminal;
    this.#principal = principal;
  }

  async ask(request: DecisionRequest, decision: Decision, signal?: AbortSignal): Promise<Approval> {
    const { reason } = decision;
    this.#terminal.note(`\npolicy asks (${reason.rule}): ${reason.text}`, 'yellow');
    this.#terminal.note(printable(JSON.stringify(request, null, 2)));
    const reader = createInterface({ input: this.#terminal.stdin, output: this.#terminal.stderr });
    try {
      const answer = await reader.question('allow it once? [y/N] ', signal === undefined ? {} : { signal });
      return { approved: /^y(es)?$/i.test(answer.trim()), by: this.#principal };
    } finally {
      reader.close();
    }
  }
}

/** Somebody to ask, where there is a terminal. */
export function approverFor(terminal: Terminal, principal: string): Approver | undefined {
  return terminal.interactive ? new TerminalApprover(terminal, principal) : undefined;
}
