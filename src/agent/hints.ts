import type { Message, ToolCall } from '../contracts/index.ts';
import { CUT_ANSWER, noCallReminder, stuckWarning } from './prompts.ts';

/** So many answers in a row without a call end the loop. */
const MAX_WITHOUT_CALL = 3;
/** The same call with the same outcome so often in a row is told; so often ends the loop. */
const STUCK_WARNED = 3;
const STUCK_ENDS = 5;

/** Why the loop ends by itself; undefined while it goes on. Read from the conversation alone, so that a resumed run comes to the same. */
export function givenUp(messages: readonly Message[]): string | undefined {
  if (lastReply(messages)?.stop === 'refused') return 'the model refused to go on';
  if (answersWithoutCall(messages) >= MAX_WITHOUT_CALL) return `the model answered ${MAX_WITHOUT_CALL} times in a row without a call and did not submit`;
  if (repetitions(messages) >= STUCK_ENDS) return `the model made the same call with the same outcome ${STUCK_ENDS} times in a row`;
  return undefined;
}

/** What has to be said before the model is asked again; undefined when it was said or nothing is due. */
export function dueHint(messages: readonly Message[]): string | undefined {
  if (messages.at(-1)?.role === 'user') return undefined;
  if (lastReply(messages)?.stop === 'cut') return CUT_ANSWER;
  const silent = answersWithoutCall(messages);
  if (silent > 0) return noCallReminder(silent, MAX_WITHOUT_CALL);
  const same = repetitions(messages);
  return same === STUCK_WARNED ? stuckWarning(same, STUCK_ENDS) : undefined;
}

function lastReply(messages: readonly Message[]) {
  const last = messages.findLast((message) => message.role === 'assistant');
  return last?.role === 'assistant' ? last.reply : undefined;
}

/** Replies at the end of the conversation that called nothing. */
function answersWithoutCall(messages: readonly Message[]): number {
  let count = 0;
  for (const message of messages.toReversed()) {
    if (message.role === 'user') continue;
    if (message.role === 'tools' || message.reply.calls.length > 0) break;
    count++;
  }
  return count;
}

/** How often the last call was made in a row, with the same outcome each time. */
function repetitions(messages: readonly Message[]): number {
  const seen = settledCalls(messages);
  const last = seen.at(-1);
  const different = seen.findLastIndex((each) => each !== last);
  return seen.length - 1 - different;
}

/** Calls with their outcomes, each as one text, oldest first. */
function settledCalls(messages: readonly Message[]): readonly string[] {
  const calls = new Map<string, ToolCall>();
  const texts: string[] = [];
  for (const message of messages) {
    if (message.role === 'assistant') for (const call of message.reply.calls) calls.set(call.id, call);
    if (message.role !== 'tools') continue;
    for (const outcome of message.outcomes) {
      const call = calls.get(outcome.callId);
      texts.push(JSON.stringify([outcome.tool, call?.malformed ?? call?.input, outcome.ok, outcome.text]));
    }
  }
  return texts;
}
