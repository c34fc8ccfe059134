import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { DATABASE_FILE } from '../support/journal-in.ts';
import { TestPostgres } from '../support/postgres.ts';
import { testBudgets } from './budgets.suite.ts';
import { testControl } from './control.suite.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await TestPostgres.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** A database of its own for each test. */
async function onServer(folder: string): Promise<void> {
  writeFileSync(join(folder, DATABASE_FILE), (await server.database()).url);
}

describe('budgets on PostgreSQL', () => testBudgets(onServer, 4));
describe('the kill switch on PostgreSQL', () => testControl(onServer));
