// The types of the client, from what the server says of itself. As a program it writes them to their place:
//   node scripts/client-types.ts
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openServices } from '../src/app.ts';

export const CLIENT_TYPES = join(import.meta.dirname, '..', 'src', 'client', 'api.ts');

/** Starts a server of its own, asks it for its OpenAPI document, and gives the TypeScript of that. */
export async function clientTypes(): Promise<string> {
  // The generator wants the compiler as a library, which TypeScript 7 is not: it gets the last that was.
  using _hooks = registered({ typescript: 'typescript-5' });
  const { astToString, default: generate } = await import('openapi-typescript');
  const nodes = await generate(await document(), { alphabetize: true });
  return `// Written by scripts/client-types.ts from the server's OpenAPI document: change that, and run it again.\n${astToString(nodes)}`;
}

/** Its own shape is the generator's business. */
async function document(): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'glovebox-types-'));
  try {
    // Errors of the clean-up would hide the first.
    await using services = await openServices({ env: { ...process.env, GLOVEBOX_HOME: home }, version: '1' });
    await using server = await services.serve({ host: '127.0.0.1', port: 0 });
    return await (await fetch(`${server.url}/openapi.json`)).text();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function registered(instead: Readonly<Record<string, string>>): Disposable {
  const hooks = registerHooks({ resolve: (specifier, context, next) => next(instead[specifier] ?? specifier, context) });
  return { [Symbol.dispose]: () => hooks.deregister() };
}

if (import.meta.main) writeFileSync(CLIENT_TYPES, await clientTypes());
