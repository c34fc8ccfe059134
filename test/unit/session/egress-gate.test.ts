import { expect, test } from 'vitest';
import type { Decision, EgressRequest, NewEvent } from '../../../src/contracts/index.ts';
import type { Gate, Verdict } from '../../../src/session/gate.ts';
import { egressGate } from '../../../src/session/way-out.ts';

const decision: Decision = { effect: 'allow', policy: 'sha256:0', reason: { effect: 'allow', rule: 'network[0]', text: 'it is in the list' }, lost: [] };

function request(path: string): EgressRequest {
  return { action: 'network.connect', scheme: 'http', host: 'a.test', port: 80, method: 'GET', path };
}

/** A gate that answers by path, and what it was asked and what it wrote, each commit in a list of its own. */
function rig(answers: Readonly<Record<string, boolean | Promise<boolean>>>) {
  const seen = { asked: [] as string[], written: [] as string[][] };
  const verdict = (asked: EgressRequest, allowed: boolean): Verdict => ({ allowed, decision, event: { type: 'decision', data: { request: asked, decision, allowed } } });
  const gate = {
    consider: (asked: EgressRequest) => {
      const answer = answers[asked.path ?? ''] ?? false;
      seen.asked.push(asked.path ?? '');
      return answer instanceof Promise ? answer.then((allowed) => verdict(asked, allowed)) : verdict(asked, answer);
    },
    write: async (events: readonly NewEvent[]) => {
      seen.written.push(events.flatMap((event) => (event.type === 'decision' && event.data.request.action === 'network.connect' ? [`${event.data.request.path} ${event.data.allowed}`] : [])));
      return [];
    },
  };
  // Of a gate, egress uses these two.
  return { seen, egress: egressGate({ gate: gate as unknown as Gate, variables: undefined, touch: () => {}, alarmed: () => {}, unwritten: () => {} }) };
}

test('what is asked together is written together, before it is answered', async () => {
  const { seen, egress } = rig({ '/1': true, '/2': true });
  expect(await egress.decide([request('/1'), request('/2')])).toMatchObject({ allowed: true });
  expect(seen.written).toEqual([['/1 true', '/2 true']]);
});

test('after a refusal nothing more is asked', async () => {
  const { seen, egress } = rig({ '/1': true, '/2': false, '/3': true });
  expect(await egress.decide([request('/1'), request('/2'), request('/3')])).toMatchObject({ allowed: false });
  expect(seen).toEqual({ asked: ['/1', '/2'], written: [['/1 true', '/2 false']] });
});

test('what was decided does not wait for a person to be written', async () => {
  const person = Promise.withResolvers<boolean>();
  const { seen, egress } = rig({ '/1': true, '/2': person.promise });
  const deciding = egress.decide([request('/1'), request('/2')]);
  expect(seen.written).toEqual([['/1 true']]);
  person.resolve(true);
  expect(await deciding).toMatchObject({ allowed: true });
  expect(seen.written).toEqual([['/1 true'], ['/2 true']]);
});
