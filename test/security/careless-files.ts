import { GloveboxError } from '../../src/contracts/index.ts';
import type { SandboxFiles } from '../../src/contracts/index.ts';

type Run = (argv: readonly string[], stdin: Buffer) => Promise<{ readonly code: number; readonly stdout: Buffer }>;

/** Files as somebody would do them who has not thought about it: with the tools of the place, which follow every link. */
export function careless(run: Run): SandboxFiles {
  const shell = async (line: string, operands: readonly string[], stdin: Buffer = Buffer.alloc(0)): Promise<Buffer> => {
    const { code, stdout } = await run(['/bin/sh', '-c', line, 'sh', ...operands], stdin);
    if (code !== 0) throw new GloveboxError('file_failed', `${line} ${operands.join(' ')} failed`, { details: { errno: 'EIO' } });
    return stdout;
  };
  return {
    resolve: async (path) => (await shell('readlink -f "$1"', [path])).toString().trim(),
    read: (path) => shell('head -c 1000000 "$1"', [path]),
    write: async (path, bytes, { mode = 0o644 } = {}) => void (await shell('cat > "$1" && chmod "$2" "$1"', [path, mode.toString(8)], bytes)),
    stat: async (path) => ({ path: (await shell('stat -L "$1"', [path])).toString(), type: 'file', mode: 0, sizeBytes: 0, modifiedNs: 0n, inode: 0n }),
    list: async (path) => {
      await shell('ls "$1/"', [path]);
      return [];
    },
    mkdir: async (path) => void (await shell('mkdir -p "$1"', [path])),
    remove: async (path) => void (await shell('rm -rf "$1"', [path])),
    rename: async (from, to) => void (await shell('mv "$1" "$2"', [from, to])),
    watch: async () => (async function* () {})(),
    pack: async function* (directory) {
      yield await shell('tar -C "$1" -cf - .', [directory]);
    },
    unpack: async (directory, tar) => void (await shell('tar -C "$1" -xPf -', [directory], Buffer.concat(await Array.fromAsync(tar)))),
  };
}
