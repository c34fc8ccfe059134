import { expect, test } from 'vitest';
import type { ApprovalId, ApprovalQuestion, DecisionRequest } from '../../../src/contracts/index.ts';
import { describeApproval } from '../../../src/session/index.ts';

function shown(request: DecisionRequest, more: Partial<ApprovalQuestion> = {}): string {
  const question: ApprovalQuestion = {
    requestHash: 'sha256:0',
    policyHash: 'sha256:0123456789abcdef',
    stream: 'run_1',
    session: 'ses_1',
    tenant: 'local',
    askedBy: 'user:ann',
    request,
    reason: { effect: 'ask', rule: 'commands.ask[0]', text: 'it leaves' },
    policy: 'p',
    by: ['approver', 'lead'],
    own: false,
    expiresAtMs: 0,
    ...more,
  };
  return describeApproval({ id: 'apr_1' as ApprovalId, question });
}

const run = (...argv: string[]): DecisionRequest => ({ action: 'command.exec', argv, cwd: '/workspace' });

test('every word stands in quotes of its own', () => {
  expect(shown(run('rm', '-rf', 'a b', '', '"', "it's"))).toContain(String.raw`  request   command.exec "rm" "-rf" "a b" "" "\"" "it's" in "/workspace"`);
  expect(shown({ action: 'export.patch', paths: ['a', 'b c'], bytes: 7 }, { tree: 'abc' })).toContain('  request   export.patch {"paths":["a","b c"],"bytes":7}\n  files     workspace abc\n');
});

test.each([
  ['an escape sequence', '\u001b[2Jx', '\\u001b[2Jx'],
  ['a C1 control', 'a\u009b2Jx', 'a\\u{9b}2Jx'],
  ['a change of direction', 'a\u202eb', 'a\\u{202e}b'],
  ['an invisible letter', 'pu\u200bsh', 'pu\\u{200b}sh'],
  ['a space that is none', 'a\u00a0b\u3000', 'a\\u{a0}b\\u{3000}'],
  ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
  ['a tag character', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ['half a character', 'a\ud800b', 'a\\ud800b'],
  ['new lines', 'a\nb\r', 'a\\nb\\r'],
])('%s is shown by its number', (_name, word, written) => {
  for (const text of [shown(run(word)), shown(run('x'), { reason: { effect: 'ask', rule: 'r', text: 'x', file: `/p/${word.replaceAll(/[\ud800\n\r]/g, '')}`, line: 1 } })]) {
    // eslint-disable-next-line no-control-regex -- control characters are what this is about
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00a0\u200b\u2028\u202e\u3000]|\u{e0041}/u);
  }
  expect(shown(run(word))).toContain(`"${written}"`);
});

test('what is too long for a screen is cut, and that is not to be overlooked', () => {
  const text = shown(run('sh', '-c', `${'true; '.repeat(2000)}rm -rf /`));
  expect(text).not.toContain('rm -rf /');
  expect(text).toContain('CHARACTERS MORE: `glovebox approvals apr_1 --json` shows them');
  expect(text.length).toBeLessThan(5000);
});
