import { SqliteJournal } from '../../src/journal/index.ts';
import { parseDatabaseUrl, PostgresJournal } from '../../src/journal/postgres/index.ts';

// A process of its own that appends to a journal: `<file or URL> <stream> <count> [durable|ordinary] [schema]`. It prints the last event's number after each append.
const [place = '', stream = '', count = '0', durable, schema] = process.argv.slice(2);
const journal = schema === undefined ? new SqliteJournal(place) : new PostgresJournal(parseDatabaseUrl(place, 'the test'), { schema });
for (let i = 0; i < Number(count); i++) {
  const events = await journal.append(stream, [{ type: 'run.prompted', data: { text: `${process.pid} ${i}` } }], { durable: durable === 'durable' });
  // An append to a file is over at its call: whoever does not wait for what he says, says nothing more once his reader is slow.
  await new Promise((said) => process.stdout.write(`${events[0]?.seq}\n`, said));
}
await journal[Symbol.asyncDispose]();
