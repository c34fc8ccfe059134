import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { User } from './glovebox.ts';

const HOOK = new URL('loaded-packages.mjs', import.meta.url);

/** The packages that a command loads, and how it ended. */
async function packagesOf(...args: readonly string[]): Promise<{ readonly code: number | null; readonly packages: ReadonlySet<string> }> {
  using user = new User();
  const file = join(user.folder, 'packages');
  Object.assign(user.env, { NODE_OPTIONS: `--import=${HOOK.href}`, LOADED_PACKAGES: file });
  const { code } = await user.run(...args);
  return { code, packages: new Set(readFileSync(file, 'utf8').split('\n')) };
}

test('a command that only reads the journal loads neither the way out of sandboxes nor what makes them', async () => {
  expect(await packagesOf('runs', 'list')).toEqual({ code: 0, packages: new Set(['commander', 'ipaddr.js', 'lru-cache', 'zod']) });
});

test('a command in a sandbox without a network loads nothing of the way out, and no server', async () => {
  const { code, packages } = await packagesOf('exec', '--', 'true');
  expect(code).toBe(0);
  expect(packages).toContain('dockerode');
  for (const unwanted of ['undici', '@peculiar/x509', 'fastify', 'pg', 'openai', 'simple-git']) expect(packages).not.toContain(unwanted);
});

test('a process that serves loads nothing of traces where nobody takes any', async () => {
  const { code, packages } = await packagesOf('worker', '--drain');
  expect(code).toBe(0);
  expect(packages).toContain('pino');
  // Interfaces alone, which prom-client has for itself.
  expect([...packages].filter((name) => name.startsWith('@opentelemetry'))).toEqual(['@opentelemetry/api']);
});
