import type { Approval, AskedRequest } from '../../contracts/index.ts';

/** What fits on a screen. Whoever is to say yes to more looks at all of it first. */
const SHOWN_CHARS = 4000;

/** What somebody is asked, for a terminal: every text in quotes, nothing that could draw, hide or reorder what stands there. */
export function describeApproval({ id, question }: Pick<Approval, 'id' | 'question'>): string {
  const { request, reason, tree, askedBy, by, policy, policyHash } = question;
  const where = reason.file === undefined ? '' : ` (${safely(reason.file)}:${reason.line})`;
  const said = sayFully(request);
  const more = said.length - SHOWN_CHARS;
  const rows: [string, string][] = [
    ['asks', `${safely(reason.rule)}${where}: ${safely(reason.text)}`],
    ['request', more <= 0 ? said : `${said.slice(0, SHOWN_CHARS)}\n            … ${more} CHARACTERS MORE: \`glovebox approvals ${id} --json\` shows them`],
    ['files', tree === undefined ? 'not bound to a workspace' : `workspace ${safely(tree)}`],
    ['for', `${safely(askedBy)}, under ${safely(policy)} ${policyHash.slice(0, 19)}`],
    ['answers', by.map(safely).join(' or ')],
  ];
  return [id, ...rows.map(([name, text]) => `  ${name.padEnd(8)}  ${text}`)].join('\n');
}

/** A request with every word of it, in quotes. */
function sayFully({ action, ...about }: AskedRequest): string {
  if ('effect' in about) return `${quoted(about.what)}, begun ${about.triedAtMs.map((ms) => `at ${new Date(ms).toISOString()}`).join(' and ')}; what was seen: ${quoted(about.seen)}. May it be done again?`;
  if ('argv' in about) return `${action} ${about.argv.map(quoted).join(' ')} in ${quoted(about.cwd)}`;
  return `${action} ${safely(JSON.stringify(about))}`;
}

function quoted(text: string): string {
  return safely(JSON.stringify(text));
}

/** Control and format characters, line separators, and spaces that are not what they look like, by their numbers. */
export function safely(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
