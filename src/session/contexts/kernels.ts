import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ContextLanguage, GloveboxError } from '../../contracts/index.ts';

/** How an interpreter is started: the kernel follows on stdin, so that nothing has to be in an image or in the workspace. */
export interface Kernel {
  readonly argv: readonly [string, ...string[]];
  readonly source: Buffer;
  /** Whether it has to be told of an interrupt besides being sent SIGINT. */
  readonly readsInterrupts: boolean;
}

const SOURCES = fileURLToPath(new URL('../../../sandbox-images/kernels/', import.meta.url));
const FILES = { python: 'kernel.py', javascript: 'kernel.cjs' } as const satisfies Record<ContextLanguage, string>;

/** Errors: `context_failed` where the installation is incomplete. */
export async function kernelOf(language: ContextLanguage): Promise<Kernel> {
  const path = `${SOURCES}${FILES[language]}`;
  const source = await readFile(path).catch((cause: unknown) => {
    throw new GloveboxError('context_failed', `the kernel ${path} cannot be read: the installation is incomplete`, { cause });
  });
  return { argv: STARTS[language](source.length), source, readsInterrupts: language === 'javascript' };
}

/** Reads so many bytes of stdin and runs them; leaves the rest for the kernel. */
const STARTS: Readonly<Record<ContextLanguage, (bytes: number) => readonly [string, ...string[]]>> = {
  python: (bytes) => [
    'python3',
    '-c',
    `import os\ns = b""\nwhile len(s) < ${bytes}: s += os.read(0, ${bytes} - len(s)) or os._exit(70)\nexec(compile(s, "<glovebox>", "exec"), {"__name__": "glovebox"})`,
  ],
  javascript: (bytes) => [
    'node',
    '-e',
    `const fs = require("fs"), b = Buffer.alloc(${bytes}); for (let n = 0, k; n < ${bytes}; n += k) if (!(k = fs.readSync(0, b, n, ${bytes} - n))) process.exit(70); eval(b.toString())`,
  ],
};
