import { SqliteJournal } from '../../src/journal/index.ts';

// A process of its own that appends to a journal: `<file> <stream> <count> [durable]`. It prints the last event's number after each append.
const [file = '', stream = '', count = '0', durable] = process.argv.slice(2);
const journal = new SqliteJournal(file);
for (let i = 0; i < Number(count); i++) {
  const events = await journal.append(stream, [{ type: 'run.prompted', data: { text: `${process.pid} ${i}` } }], { durable: durable === 'durable' });
  process.stdout.write(`${events[0]?.seq}\n`);
}
await journal[Symbol.asyncDispose]();
