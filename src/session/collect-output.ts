import type { CommandEnd, OutputChunk, RunningCommand } from '../contracts/index.ts';

/** How much of an output is kept: its beginning and its end. */
export interface OutputLimits {
  readonly headBytes: number;
  readonly tailBytes: number;
}

export interface CollectedOutput {
  readonly end: CommandEnd;
  /** Both channels as they arrived; the middle is cut, with the count said, where it is longer than the limits. */
  readonly text: string;
  readonly cutBytes: number;
}

/** Reads a command's output to its end, keeps head and tail, and passes each chunk on. */
export async function collectOutput(
  command: Pick<RunningCommand, 'output' | 'end'>,
  limits: OutputLimits,
  onChunk?: (chunk: OutputChunk) => void,
): Promise<CollectedOutput> {
  const head: Buffer[] = [];
  const tail: Buffer[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let cutBytes = 0;
  for await (const chunk of command.output) {
    onChunk?.(chunk);
    const room = limits.headBytes - headBytes;
    const first = chunk.bytes.subarray(0, Math.max(0, room));
    if (first.length > 0) head.push(first);
    headBytes += first.length;
    const rest = chunk.bytes.subarray(first.length);
    if (rest.length === 0) continue;
    tail.push(rest);
    tailBytes += rest.length;
    while (tailBytes > limits.tailBytes) {
      const oldest = tail[0];
      if (oldest === undefined) break;
      const surplus = Math.min(oldest.length, tailBytes - limits.tailBytes);
      if (surplus === oldest.length) tail.shift();
      else tail[0] = oldest.subarray(surplus);
      tailBytes -= surplus;
      cutBytes += surplus;
    }
  }
  const end = await command.end;
  const beginning = Buffer.concat(head).toString('utf8');
  const ending = Buffer.concat(tail).toString('utf8');
  const text = cutBytes === 0 ? beginning + ending : `${beginning}\n[… ${cutBytes} bytes cut …]\n${ending}`;
  return { end, text, cutBytes };
}
