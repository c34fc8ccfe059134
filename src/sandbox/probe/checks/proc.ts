import { asking, broken, held, together } from '../check.ts';
import type { Check } from '../check.ts';
import { describeEnd, readJudgement } from '../probed-place.ts';

/** Descriptors that might have been left to a command: each is tried as its working directory. */
const LEAKED_UP_TO = 16;

export const PROC: readonly Check[] = [
  asking('proc', [34], 'core_pattern, and everything below /proc/sys, is not for writing', 'system-controls'),
  asking('proc', [35], 'sysrq-trigger is not for writing', 'write-paths', '/proc/sysrq-trigger'),
  asking('proc', [36], 'kernel memory cannot be read', 'read-paths', '/proc/kcore', '/proc/kmem', '/dev/mem', '/dev/kmem', '/proc/kmsg', '/dev/kmsg', '/proc/keys', '/proc/timer_list', '/proc/sched_debug'),
  asking(
    'proc',
    [37],
    'uevent_helper and its like are not for writing',
    'write-paths',
    '/sys/kernel/uevent_helper',
    '/sys/kernel/kexec_crash_size',
    '/sys/kernel/mm/ksm/run',
    '/sys/power/state',
    '/sys/module/kernel/parameters/panic',
    '/sys/bus/pci/rescan',
    '/sys/class/net/lo/mtu',
    '/proc/mtrr',
    '/proc/acpi/wakeup',
  ),
  asking('proc', [38], 'environment, memory and maps of init and of the marker cannot be read', 'init-memory'),
  asking('proc', [39], 'descriptors of init and of the marker cannot be opened', 'init-descriptors'),
  asking('proc', [40], 'programs of init and of the marker cannot be overwritten', 'program-files'),
  asking('proc', [41], 'no descriptor is left open', 'leaked-descriptors'),
  {
    rows: [41],
    group: 'proc',
    title: 'a leaked descriptor as working directory leads nowhere',
    run: async (place) => {
      const tries = Array.from({ length: LEAKED_UP_TO }, async (_, fd) => {
        const outcome = await place.run('leaked-descriptors', [], { cwd: `/proc/self/fd/${fd}` });
        if (outcome.end.cause === 'not_started') return held(`not started: ${outcome.end.startError}`);
        return readJudgement(outcome) ?? broken(describeEnd(outcome.end));
      });
      return together(await Promise.all(tries));
    },
  },
];
