import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { constants, inflateSync } from 'node:zlib';

/** Files below a folder that hold a text, as it is or within anything that zlib reads, wherever in the file that begins: objects and packs of git are such. */
export function filesHolding(text: string, folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true }).map(String).filter((name) => statSync(join(folder, name)).isFile());
  return files.filter((name) => {
    const bytes = readFileSync(join(folder, name));
    return bytes.includes(text) || inflated(bytes).some((content) => content.includes(text));
  });
}

function inflated(bytes: Buffer): readonly Buffer[] {
  const contents: Buffer[] = [];
  for (let at = bytes.indexOf(0x78); at !== -1 && at + 1 < bytes.length; at = bytes.indexOf(0x78, at + 1)) {
    // Two bytes that are a header of zlib's.
    if (bytes.readUInt16BE(at) % 31 !== 0) continue;
    try {
      contents.push(inflateSync(bytes.subarray(at), { finishFlush: constants.Z_SYNC_FLUSH }));
    } catch {
      // They were none.
    }
  }
  return contents;
}
