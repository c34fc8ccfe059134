import type { TestReport } from '../contracts/index.ts';

/** How tests went, in words that claim nothing that is not known. */
export function describeEnd({ end, passed }: TestReport): string {
  const seconds = `${(end.usage.wallMs / 1000).toFixed(1)} s`;
  switch (end.cause) {
    case 'exited':
      return passed ? 'they pass' : `they fail with exit code ${end.exitCode ?? 'unknown'}`;
    case 'signalled':
      return `they were ended by ${end.signal ?? 'a signal'}`;
    case 'timeout':
      return `they did not end and were killed after ${seconds}`;
    case 'cpu_time':
      return `they used up their CPU time and were killed after ${seconds}`;
    case 'output':
      return 'they wrote more output than is allowed and were killed';
    case 'memory':
      return 'they ran out of memory and were killed';
    case 'disk':
      return 'they filled the disk and were killed';
    case 'cancelled':
      return 'they were cancelled';
    case 'policy':
      return 'policy does not let them run';
    case 'not_started':
      return `they could not be started (${end.startError ?? 'no reason is known'})`;
    case 'lost':
      return 'how they ended is not known: their sandbox went away';
  }
}

/** Whether the tests ran, so that their result means something. */
export function didRun({ end }: TestReport): boolean {
  return end.cause !== 'policy' && end.cause !== 'not_started';
}
