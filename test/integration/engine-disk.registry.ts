// A registry of a small image where an engine of a test's own can reach it. Says where, and waits to be killed.
import { Registry } from './images.registry.ts';

const registry = await Registry.start();
process.stdout.write(`${registry.host}\n`);
