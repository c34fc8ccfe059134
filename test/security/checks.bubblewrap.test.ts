import { hasControlGroups } from '../integration/bubblewrap.harness.ts';
import { BubblewrapWorld } from '../support/sandbox-bubblewrap.ts';
import { checksSuite } from './checks.suite.ts';

const soft = 'no control groups can be made here, so limits are soft';
const notRun: Record<string, string> = (await hasControlGroups())
  ? {}
  : {
      'memory is held': soft,
      'CPU is held': soft,
      'a memory hog is reported as such, and nothing else dies': soft,
    };

checksSuite('processes in bubblewrap', async () => new BubblewrapWorld(), { notRun });
