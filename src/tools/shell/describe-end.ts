import type { CommandEnd, Decision, LimitHit } from '../../contracts/index.ts';

const LIMITS: Readonly<Record<LimitHit, string>> = {
  pids: 'no more processes could be started',
  disk: 'the disk was full',
  inodes: 'no more files could be made',
  file_size: 'a file became too large',
};

/** How a command ended, in words that claim nothing that is not known. */
export function describeEnd(end: CommandEnd, decision: Decision): string {
  const parts = [causeText(end, decision)];
  if (end.oomKills.count > 0 && end.cause !== 'memory') parts.push(oomText(end));
  for (const limit of end.limitsHit) parts.push(`it ran into a limit: ${LIMITS[limit]}`);
  if (end.output.droppedBytes > 0) parts.push(`${end.output.droppedBytes} bytes of output beyond the limit were dropped`);
  if (end.output.lostBytes > 0) parts.push(`${end.output.lostBytes} bytes of output were lost`);
  return parts.join('; ');
}

function causeText(end: CommandEnd, decision: Decision): string {
  const after = `after ${(end.usage.wallMs / 1000).toFixed(1)} s`;
  switch (end.cause) {
    case 'exited':
      return `exit code ${end.exitCode ?? 'unknown'}`;
    case 'signalled':
      return `ended by ${end.signal ?? 'a signal'}`;
    case 'timeout':
      return `killed: its time was over ${after}`;
    case 'cpu_time':
      return `killed: it used up its CPU time ${after}`;
    case 'output':
      return `killed: it wrote more output than is allowed (${end.output.stdoutBytes + end.output.stderrBytes + end.output.droppedBytes} bytes)`;
    case 'memory':
      return 'killed: out of memory';
    case 'disk':
      return 'killed: the disk was full';
    case 'cancelled':
      return 'cancelled';
    case 'policy':
      return `not run: denied by policy (${decision.reason.rule}): ${decision.reason.text}`;
    case 'not_started':
      return `not started: ${end.startError ?? 'the program could not be run'}`;
    case 'lost':
      return 'how it ended is not known: the sandbox went away';
  }
}

function oomText(end: CommandEnd): string {
  const { count, blame } = end.oomKills;
  const processes = count === 1 ? 'a process was' : `${count} processes were`;
  return `${processes} killed for lack of memory${blame === 'shared' ? ' (of this command or of another that ran beside it)' : ''}`;
}
