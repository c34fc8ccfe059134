import type { Terminal } from './terminal.ts';

/** Nobody may take a session under a policy that observes for one that is held by it. */
export function warnOfObserving(terminal: Terminal, policy: string): void {
  terminal.note(`glovebox: NOTHING IS ENFORCED: the policy ${policy} only observes. What it would deny or ask about is written down and let pass.`, 'red');
  terminal.note('glovebox: What seals the sandbox (kind, image, limits, network, credentials) and the budget hold all the same.', 'red');
}
