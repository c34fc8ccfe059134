import { parseDatabaseUrl } from '../../src/journal/postgres/index.ts';
import { openKeyed } from '../support/keyed-place.ts';

// A process of its own that changes the master key, and kills itself at one of its steps: `<state folder> <step> [<URL of the database> <schema of its keys>]`.
const [folder = '', step = '', url, schema = ''] = process.argv.slice(2);
let left = Number(step);
const onRewrap = (): void => {
  if (--left < 0) process.kill(process.pid, 'SIGKILL');
};
const database = url === undefined ? undefined : { url: parseDatabaseUrl(url, 'the test'), schema };
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[0].includes('MASTER_KEY') && entry[1] !== undefined));
await using at = openKeyed(folder, env, { database, onRewrap });
await at.change.change({ tenant: 'local', name: 'user:op', roles: [] }, new AbortController().signal);
