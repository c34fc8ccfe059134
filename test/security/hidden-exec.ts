import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FieldWriter } from '../../src/sandbox/wire/fields.ts';
import { FrameWriter } from '../../src/sandbox/wire/frame-writer.ts';
import { ExecTag, ToGuest } from '../../src/sandbox/wire/protocol.ts';

const SEQUENCES = 40;
const EPOCHS = 3;

/** What the state file of a sandbox says that an attacker would have to know. */
export function secretsOf(stateDir: string, id: string): { readonly toGuest: Buffer; readonly epoch: number } {
  const { toGuest, epoch } = JSON.parse(readFileSync(join(stateDir, 'sandboxes', `${id}.json`), 'utf8')) as { toGuest: string; epoch: number };
  return { toGuest: Buffer.from(toGuest, 'base64'), epoch };
}

/**
 * Frames that start a command, sealed with the true key, for every sequence number that may be due in this epoch and in the next ones. So nothing
 * protects the wire but that nobody looks for a frame where these lie. The command makes `file`.
 */
export function hiddenExecs({ toGuest, epoch }: { readonly toGuest: Buffer; readonly epoch: number }, file: string): Buffer {
  const frames: Buffer[] = [];
  for (let each = epoch; each < epoch + EPOCHS; each++) {
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      const stream = 0x7000_0000 + frames.length;
      frames.push(new FrameWriter(toGuest, each, sequence).seal(ToGuest.exec, 0, stream, execPayload(`hidden-${frames.length}`, file)));
    }
  }
  return Buffer.concat(frames);
}

export function execPayload(id: string, file: string): Buffer {
  return new FieldWriter().text(ExecTag.id, id).text(ExecTag.argument, 'touch').text(ExecTag.argument, file).text(ExecTag.workingDirectory, '/').toBuffer();
}
