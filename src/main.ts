import { readFileSync } from 'node:fs';
import { openServices } from './app.ts';
import { runCli } from './cli/index.ts';
import { Terminal } from './cli/index.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }; // our own file
const terminal = new Terminal(process);
process.exitCode = await runCli(process.argv.slice(2), terminal, version, () => openServices({ env: process.env }));
