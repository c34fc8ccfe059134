import { readFileSync } from 'node:fs';
import { runCli, Terminal } from './cli/index.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }; // our own file
// The application is loaded by the command that needs it: help and version come at once.
const terminal = new Terminal(process);
const openServices = async () => (await import('./app.ts')).openServices({ env: process.env, version, note: (text) => terminal.note(`glovebox: ${text}`, 'yellow') });
process.exitCode = await runCli(process.argv.slice(2), terminal, { version, env: process.env, openServices });
