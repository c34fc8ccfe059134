import { describe, expect, test } from 'vitest';
import type { PatchFindings } from '../../src/contracts/index.ts';
import { newCredentials } from '../../src/broker/index.ts';
import { type Content, repositoryOf, workspaceOf } from '../unit/workspace/support.ts';

/** Of the right form, and of nobody: made here, so that no scanner of this repository finds one. */
const TOKEN = `ghp_${'abcdEFGHijklMNOPqrst'}${'UVWXyz0123456789'}`;
const OTHER = TOKEN.toUpperCase().replace('GHP', 'ghp');

/** What is found in the patch from one set of files to the other. */
async function found(before: Readonly<Record<string, Content>>, after: Readonly<Record<string, Content>>): Promise<PatchFindings> {
  const workspace = workspaceOf();
  const base = await workspace.capture(repositoryOf(before));
  const changed = await workspace.capture(repositoryOf(after));
  return await workspace.inspect(base, changed, await workspace.diff(base, changed));
}

describe('a patch', () => {
  test('of text holds nothing', async () => {
    expect(await found({ a: 'one\n' }, { a: 'two\n', b: 'secretlint-disable\n', 'sub/link': { link: '../a' } })).toEqual({ secrets: [], binaries: [], links: [] });
  });

  test.each([
    ['in a new file', {}, { 'src/a.js': `const token = '${TOKEN}';\n` }, ['src/a.js:1 github GITHUB_TOKEN']],
    ['among what was there', { a: 'one\n' }, { a: `one\n${TOKEN}\n` }, ['a:2 github GITHUB_TOKEN']],
    ['beside another that was there', { a: `${OTHER}\n` }, { a: `${OTHER}\n${TOKEN}\n` }, ['a:2 github GITHUB_TOKEN']],
    ['below a comment that turns the search off', {}, { a: `// secretlint-disable\n${TOKEN}\n` }, ['a:2 github GITHUB_TOKEN']],
    ['of a registry', {}, { '.npmrc': `//npm.test/:_authToken=${'npm_'}${'abcdEFGHijklMNOPqrstUVWXyz0123456789'}\n` }, ['.npmrc:1 npm Npmrc_authToken', '.npmrc:1 npm NPM_ACCESS_TOKEN']],
    ['in an address', {}, { 'README.md': `see https://user:${'hunter22'}@host.test/x\n` }, ['README.md:1 basicauth BasicAuth']],
    ['of a database', {}, { 'config.py': `URL = "postgres://admin:${'s3cretpw'}@db.internal/x"\n` }, ['config.py:1 database-connection-string PostgreSQLConnection']],
    ['that is a key', {}, { id: `-----BEGIN OPENSSH ${'PRIVATE KEY'}-----\n${'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n'.repeat(5)}-----END OPENSSH ${'PRIVATE KEY'}-----\n` }, ['id:1 privatekey PrivateKey']],
  ])('holds a credential %s', async (_name, before, after, secrets) => {
    expect((await found({ keep: 'x\n', ...before }, { keep: 'x\n', ...after })).secrets).toEqual(secrets);
  });

  test('does not hold the credential that was in the file before, wherever it stands now', async () => {
    expect((await found({ a: `${TOKEN}\n` }, { a: `one\n\n${TOKEN}\n` })).secrets).toEqual([]);
  });

  test('never tells the credential itself', async () => {
    expect(JSON.stringify(await found({ a: '' }, { a: `${TOKEN}\n` }))).not.toContain(TOKEN);
  });

  test('that is too large to be looked through counts as if it held one', async () => {
    const { secrets } = await found({ a: '' }, { a: 'text and more text\n'.repeat(300_000) });
    expect(secrets).toEqual(['a: with 5.4 MiB it is too large to be looked through']);
  });

  test('holds files that are no text, also where attributes say otherwise, and not those that it removes', async () => {
    const image = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]);
    const { binaries } = await found({ 'old.bin': image }, { 'a.png': image, 'b.txt': image, '.gitattributes': '* text\n*.txt diff\n' });
    expect(binaries).toEqual(['a.png', 'b.txt']);
  });

  test('holds links that lead out, also by what it makes of links that were there', async () => {
    const { links } = await found(
      { keep: 'x\n', was: { link: '/etc' }, 'a/inside': { link: 'd/../../x' }, 'a/d/e': 'x\n' },
      { keep: 'x\n', was: { link: '/etc' }, 'a/inside': { link: 'd/../../x' }, 'a/d': { link: '..' }, passwd: { link: '../../etc/passwd' }, hooks: { link: '.git/hooks' }, fine: { link: 'keep' } },
    );
    expect(links.toSorted()).toEqual(['a/inside -> d/../../x', 'hooks -> .git/hooks', 'passwd -> ../../etc/passwd']);
  });
});

test('what there is no time to look through counts as found', async () => {
  const files = [{ path: 'a', before: '', after: 'x\n' }];
  expect(await newCredentials.newIn(files, { timeoutMs: 1, signal: undefined })).toEqual(['a: there was no time to look through it']);
  expect(await newCredentials.newIn(files, { timeoutMs: 60_000, signal: undefined })).toEqual([]);
});

test('a search that is cancelled ends', async () => {
  const stop = new AbortController();
  const searching = newCredentials.newIn([{ path: 'a', before: '', after: 'x\n' }], { timeoutMs: 60_000, signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(searching).rejects.toThrow('enough');
});
