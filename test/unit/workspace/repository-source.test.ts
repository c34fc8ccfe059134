import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { parseSource } from '../../../src/workspace/repository-source.ts';
import { plainFolderOf } from './support.ts';

describe('parseSource', () => {
  it('takes a path, existing or not, as a folder', async () => {
    const folder = plainFolderOf({ 'odd:name/x': '' });
    expect(await parseSource(folder, ['https'])).toEqual({ kind: 'folder', path: folder });
    expect(await parseSource(join(folder, 'odd:name'), ['https'])).toEqual({ kind: 'folder', path: join(folder, 'odd:name') });
    expect(await parseSource('./does/not/exist', ['https'])).toEqual({ kind: 'folder', path: join(process.cwd(), 'does/not/exist') });
  });

  it('takes an https address', async () => {
    expect(await parseSource('https://example.test/a/b.git', ['https'])).toEqual({ kind: 'url', url: 'https://example.test/a/b.git' });
  });

  it.each([
    ['', 'no repository'],
    ['-oProxyCommand=touch x', 'looks like an option'],
    ['--upload-pack=touch x', 'looks like an option'],
    ['ext::sh -c touch% x', 'remote helper'],
    ['EXT::sh', 'remote helper'],
    ['fd::17', 'remote helper'],
    ['http://example.test/a', 'only over https'],
    ['ssh://example.test/a', 'only over https'],
    ['git://example.test/a', 'only over https'],
    ['file:///srv/a', 'only over https'],
    ['ext://sh', 'only over https'],
    ['git@example.test:a/b.git', 'over ssh'],
    ['example.test:a/b.git', 'over ssh'],
    ['https://', 'cannot be read'],
    ['https://example.test/a\n--upload-pack=x', 'control characters'],
  ])('refuses %j', async (text, why) => {
    await expect(parseSource(text, ['https'])).rejects.toMatchObject({ code: 'repository_invalid', message: expect.stringContaining(why) });
  });

  it('refuses an address with a login, and does not repeat it', async () => {
    const attempt = parseSource('https://user:hunter2@example.test/a', ['https']);
    await expect(attempt).rejects.toMatchObject({ code: 'repository_invalid', message: expect.stringContaining('login') });
    await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
  });
});
