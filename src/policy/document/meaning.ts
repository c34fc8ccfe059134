import type { PolicyDocument } from '../../contracts/index.ts';
import { canonicalHost, isAddress } from '../canonical-host.ts';
import { Glob } from '../glob.ts';
import type { DocumentPath } from './layer.ts';
import { ruleName } from './layer.ts';
import type { Problem } from './problems.ts';

type Check = (text: string) => string | undefined;

/** What a schema cannot say: patterns that are none, hosts in another form than requests have, rules that contradict themselves. */
export function meaningProblems(document: PolicyDocument): Problem[] {
  const { files, export: exported, sandbox, models, tools } = document;
  return [
    ...globProblems(['files', 'read'], files?.read, absolute),
    ...globProblems(['files', 'write'], files?.write, absolute),
    ...globProblems(['files', 'deny'], files?.deny, absolute),
    ...globProblems(['files', 'review'], files?.review, relative),
    ...globProblems(['export', 'allow'], exported?.allow, relative),
    ...globProblems(['export', 'ask'], exported?.ask, relative),
    ...globProblems(['export', 'deny'], exported?.deny, relative),
    ...globProblems(['sandbox', 'images'], sandbox?.images),
    ...globProblems(['models', 'allow'], models?.allow),
    ...globProblems(['models', 'hosts'], models?.hosts, host),
    ...globProblems(['tools', 'allow'], tools?.allow),
    ...globProblems(['tools', 'deny'], tools?.deny),
    ...programProblems(document),
    ...networkProblems(document),
    ...credentialProblems(document),
  ];
}

function globProblems(path: DocumentPath, globs: readonly string[] | undefined, check?: Check): Problem[] {
  return (globs ?? []).flatMap((text, i) => {
    const expected = check?.(text) ?? globError(text);
    return expected === undefined ? [] : [mismatch([...path, i], expected, text)];
  });
}

const absolute: Check = (text) => (text.startsWith('/') ? undefined : 'an absolute pattern such as /workspace/src/**');
const relative: Check = (text) => (text.startsWith('/') ? 'a pattern relative to the repository such as .github/**' : undefined);

const host: Check = (text) => (/^[a-z0-9.*?{},_[\]:-]+$/.test(text) ? undefined : 'a host in lower case and without a port, such as api.eu.example.com or *.example.com');

function globError(text: string): string | undefined {
  try {
    new Glob(text);
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

function programProblems(document: PolicyDocument): Problem[] {
  return (['allow', 'ask', 'deny'] as const).flatMap((list) =>
    (document.commands?.[list] ?? []).flatMap((rule, i) =>
      rule.program.flatMap((program, j) =>
        program.includes('/') && !program.startsWith('/')
          ? [mismatch(['commands', list, i, 'program', j], 'a base name such as git, or an absolute path', program)]
          : [],
      ),
    ),
  );
}

function networkProblems(document: PolicyDocument): Problem[] {
  return (document.network ?? []).flatMap((rule, i) => {
    if ('registries' in rule) return [];
    const path = ['network', i] as const;
    const problems = globProblems([...path, 'paths'], rule.paths, (text) => (text.startsWith('/') || text === '**' ? undefined : 'a pattern that starts with /'));
    if (!isHostPattern(rule.host)) {
      problems.push(mismatch([...path, 'host'], 'a host such as api.github.com or *.example.com, in lower case and without a dot at its end', rule.host));
    }
    if (rule.tcp !== undefined && (rule.port !== undefined || rule.methods !== undefined || rule.paths !== undefined || rule.websocket !== undefined)) {
      problems.push({ path: [...path, 'tcp'], text: `${ruleName([...path, 'tcp'])}: expected tcp alone or port, methods, paths and websocket, found both` });
    }
    return problems;
  });
}

function credentialProblems(document: PolicyDocument): Problem[] {
  const ids = (document.credentials ?? []).map(({ id }) => id);
  const taken = new Set<string>();
  const isTaken = (variable: string): boolean => taken.size === taken.add(variable).size;
  return (document.credentials ?? []).flatMap(({ id, placeholder, aws_key_id: keyId, bind }, i) => [
    ...(ids.indexOf(id) === i ? [] : [mismatch(['credentials', i, 'id'], 'each credential once, with all that it is bound to', id)]),
    ...(isTaken(placeholder) ? [mismatch(['credentials', i, 'placeholder'], 'a variable of its own', placeholder)] : []),
    ...(keyId !== undefined && isTaken(keyId) ? [mismatch(['credentials', i, 'aws_key_id'], 'a variable of its own', keyId)] : []),
    ...bind.flatMap(({ host, paths }, j) => [
      ...globProblems(['credentials', i, 'bind', j, 'paths'], paths, (text) => (text.startsWith('/') || text === '**' ? undefined : 'a pattern that starts with /')),
      ...(canonicalHost(host) ? [] : [mismatch(['credentials', i, 'bind', j, 'host'], 'one host such as api.github.com, in lower case: a credential goes to no wildcard', host)]),
    ]),
  ]);
}

function isHostPattern(text: string): boolean {
  const host = text.startsWith('*.') ? text.slice(2) : text;
  return canonicalHost(host) && !(host !== text && isAddress(host));
}

function mismatch(path: DocumentPath, expected: string, found: string): Problem {
  return { path, text: `${ruleName(path)}: expected ${expected}, found ${JSON.stringify(found)}` };
}
