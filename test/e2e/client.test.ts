import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serving } from '../support/server.ts';
import { install, type Installed, olderNode } from './installed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let installed: Installed;
let page: Awaited<ReturnType<typeof pages>>;
let server: Awaited<ReturnType<typeof serving>>;
beforeAll(async () => {
  installed = install();
  page = await pages(installed.folder);
  server = await serving({ origins: [page.origin] });
});
afterAll(async () => {
  await server?.stop();
  await page?.[Symbol.asyncDispose]();
  installed?.[Symbol.dispose]();
});

const inProject = (program: string, ...args: string[]) => run(program, args, { cwd: installed.folder, env: { PATH: process.env['PATH'], GLOVEBOX_URL: server.url, GLOVEBOX_KEY: server.key }, timeout: 60_000 });

describe('the installed package', () => {
  test('has the client with its types, and nothing that is only for those who build it', () => {
    expect(installed.files).toEqual(expect.arrayContaining(['dist/client/index.js', 'dist/client/index.d.ts', 'dist/client/api.d.ts', 'bin/glovebox.js']));
    expect(installed.files.filter((path) => /^(?:src|test|bench|docs|\.)|\.test\.|tsconfig/.test(path))).toEqual([]);
  });

  test('works on the oldest Node that it promises, which has no `await using`', async () => {
    writeFileSync(
      join(installed.folder, 'old.js'),
      `import { Glovebox, AbsentError } from 'glovebox/client';
       const glovebox = new Glovebox({ url: process.env.GLOVEBOX_URL, key: process.env.GLOVEBOX_KEY });
       const sandbox = await glovebox.sandboxes.create({ policy: 'exec', kind: 'process' });
       try {
         const command = await sandbox.exec(['sh', '-c', 'echo hello; exit 3']);
         for await (const { text } of command.output()) process.stdout.write(text);
         console.log((await command.result()).exitCode);
         await sandbox.upload('/workspace', await sandbox.download('/workspace'));
       } finally {
         await sandbox.close();
       }
       await glovebox.sandboxes.get(sandbox.id).catch((error) => console.log(error instanceof AbsentError, error.code));`,
    );
    expect((await inProject(olderNode().program, 'old.js')).stdout).toBe('hello\n3\ntrue not_found\n');
  });

  test('has types that a strict project takes as they are, with those of a browser or of Node', async () => {
    writeFileSync(
      join(installed.folder, 'typed.ts'),
      `import { Glovebox, type CommandResult } from 'glovebox/client';
       const glovebox = new Glovebox({ url: 'http://127.0.0.1', key: 'k' });
       export async function build(): Promise<CommandResult> {
         await using sandbox = await glovebox.sandboxes.create({ policy: 'exec', limits: { pids: 16 } });
         // @ts-expect-error: there is no such kind
         await glovebox.sandboxes.create({ kind: 'vm' });
         return (await sandbox.exec(['make'], { cwd: '/workspace' })).result();
       }`,
    );
    const options = { noEmit: true, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, module: 'nodenext', target: 'es2022' };
    const browser = { ...options, types: [], lib: ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'] };
    const node = { ...options, types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')], lib: ['es2024', 'esnext.disposable'], skipLibCheck: true };
    for (const compilerOptions of [browser, node]) {
      writeFileSync(join(installed.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
      // By an older compiler than ours, as users may have it.
      expect(await inProject(join(ROOT, 'node_modules/typescript-5/bin/tsc')).catch((error: { stdout: string }) => error.stdout)).toMatchObject({ stdout: '' });
    }
  });
});

describe('a page of another origin, in a browser', () => {
  test('opens a sandbox and shows the output of a command as it comes', async () => {
    await using browser = await openBrowser();
    const shown = await browser.run(page.origin, server);
    expect(shown).toEqual({ chunks: expect.any(Number), text: 'line 1\nline 2\nline 3\nline 4\nline 5\n', exitCode: 7, result: 42 });
    // One line was asked for by the page only after it had seen the one before.
    expect(shown).toMatchObject({ chunks: 5 });
    expect(await server.services.sandboxes.list()).toEqual([]);
  });

  test('gets nothing where the server was not told of it', async () => {
    await using strangers = await pages(installed.folder);
    await using browser = await openBrowser();
    expect(await browser.run(strangers.origin, server)).toEqual({ error: 'ConnectionError', code: 'server_unreachable' });
  });
});

/** `\`\`\`ts` in what people read. */
const snippets = ['README.md', 'docs/client.md'].flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ''], at) => ({ file, number: at + 1, code })));

describe('what the documents show', () => {
  test.each(snippets)('is so: $file, snippet $number', async ({ file, number, code }) => {
    const name = `${file.replaceAll(/\W/g, '-')}-${number}.ts`;
    writeFileSync(join(installed.folder, name), code);
    const { stdout } = await inProject(process.execPath, '--disable-warning=ExperimentalWarning', name);
    const said = [...code.matchAll(/^\s*console\.log.*\/\/ (.*)$/gm)].map(([, text = '']) => text);
    for (const text of said) expect(stdout).toContain(text);
  });

  test('is something', () => expect(snippets.map(({ file }) => file)).toEqual(expect.arrayContaining(['README.md', 'docs/client.md'])));
});

/** A server of pages, with the installed package as it is: no bundler. */
async function pages(folder: string) {
  const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };
  writeFileSync(join(folder, 'page.html'), readFileSync(join(import.meta.dirname, 'page.html')));
  const files = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://here');
    try {
      const content = readFileSync(join(folder, pathname));
      response.setHeader('content-type', types[extname(pathname)] ?? 'application/octet-stream').end(content);
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(files, 'listening');
  return {
    origin: `http://127.0.0.1:${(files.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      files.closeAllConnections();
      files.close();
      await once(files, 'close');
    },
  };
}

async function openBrowser() {
  // Its own sandbox does not work for root, and the page is ours.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] }).catch((error: unknown) => {
    throw new Error('chromium does not start: `node scripts/prepare.mjs --for-tests` installs it', { cause: error });
  });
  return {
    /** What the page of an origin has come to. */
    async run(origin: string, { url, key }: { url: string; key: string }): Promise<unknown> {
      const tab = await browser.newPage();
      const said: string[] = [];
      tab.on('console', (message) => said.push(message.text())).on('pageerror', (error) => said.push(String(error)));
      await tab.goto(`${origin}/page.html#${new URLSearchParams({ url, key })}`);
      try {
        await tab.waitForFunction('document.title === "done"', undefined, { timeout: 60_000 });
      } catch (error) {
        throw new Error(`the page did not come to its end; it said: ${said.join('\n')}`, { cause: error });
      }
      return JSON.parse((await tab.textContent('#outcome')) ?? '');
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
