// Owns something of a state folder, says by what name, and does so until its stdin ends.
import { once } from 'node:events';
import { FolderOwnership } from '../../src/sandbox/folder-ownership.ts';

const ownership = new FolderOwnership(process.argv[2] ?? '');
process.stdout.write(`${ownership.name}\n`);
await once(process.stdin.resume(), 'end');
ownership[Symbol.dispose]();
