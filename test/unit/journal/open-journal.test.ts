import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openJournal } from '../../../src/journal/index.ts';
import { TestEnvelopes } from '../../support/envelopes.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'glovebox-journal-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

const open = (env: Readonly<Record<string, string>>) => openJournal({ env, stateDir, envelopes: new TestEnvelopes() });

describe('where the journal is', () => {
  test('is a file of the state folder where nothing is said', async () => {
    const { journal, place } = await open({ GLOVEBOX_DATABASE_URL: '' });
    await using _ = journal;
    expect(place).toBe(join(stateDir, 'journal.db'));
    expect(await journal.streams()).toEqual([]);
  });

  const url = 'postgresql://ann:p%40ss-word@db.test:5433/glovebox?sslmode=require';

  test('is a database where a variable says so, or a file that a variable names', async () => {
    const file = join(stateDir, 'url');
    writeFileSync(file, `${url}\n`);
    for (const env of [{ GLOVEBOX_DATABASE_URL: url }, { GLOVEBOX_DATABASE_URL_FILE: file }]) {
      const { journal, place, secret } = await open(env);
      await using _ = journal;
      expect({ place, secret }).toEqual({ place: 'postgresql://ann@db.test:5433/glovebox', secret: 'p@ss-word' });
    }
    const { journal, place } = await open({ GLOVEBOX_DATABASE_URL: 'postgres:///glovebox?host=/run/postgresql' });
    await using _ = journal;
    expect(place).toBe('postgresql:///run/postgresql/glovebox');
  });

  test.each([
    [{ GLOVEBOX_DATABASE_URL: 'host=db password=hush' }, 'GLOVEBOX_DATABASE_URL is not the URL of a PostgreSQL database: it cannot be read as a URL'],
    [{ GLOVEBOX_DATABASE_URL: 'mysql://ann:hush@db/glovebox' }, 'it does not begin with postgresql:'],
    [{ GLOVEBOX_DATABASE_URL: 'postgresql://ann:hush@db' }, 'it names no database'],
    [{ GLOVEBOX_DATABASE_URL: 'postgresql:///glovebox?password=hush' }, 'it names no host'],
    [{ GLOVEBOX_DATABASE_URL: 'postgresql://ann:hush%@db/glovebox' }, 'its user or password has a % that is none of %XX'],
    [{ GLOVEBOX_DATABASE_URL: url, GLOVEBOX_DATABASE_URL_FILE: '/x' }, 'set one of them'],
    [{ GLOVEBOX_DATABASE_URL_FILE: '/nowhere/url' }, 'GLOVEBOX_DATABASE_URL_FILE names a file that cannot be read: ENOENT'],
  ])('that cannot be read says what to write, and not what was written: %j', async (env, why) => {
    const error = await open(env).then(() => undefined, (failed: unknown) => failed);
    expect(error).toMatchObject({ code: 'config_invalid', message: expect.stringContaining(why) });
    expect(String((error as Error).message)).not.toContain('hush');
  });
});
