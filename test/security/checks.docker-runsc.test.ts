import { DockerWorld } from '../support/sandbox-docker.ts';
import { checksSuite } from './checks.suite.ts';
import type { SuiteOptions } from './checks.suite.ts';

const lost = 'an old one dies as a whole when its memory is used up; the host is none the worse';
const panics = 'its kernel panics under many processes; the host is none the worse';
/** A runsc that fails its self-test (Debian's is of 2022) is refused for real use; here it is asked for all that it can be asked for. */
const OLD: SuiteOptions = {
  notHeld: {
    'the root is read-only': 'its statvfs does not say so, and nobody can write all the same',
    'no device of the host is there or can be made': 'a device of its own kernel can be made; it leads to none of the host’s',
    '/dev holds only what it must': 'it always has a /dev/net',
    'every command keeps the limits, however it is started': 'anybody may have a better priority, which it ignores',
    'environment, memory and maps of init and of the marker cannot be read': 'it shows the environment of PID 1, which is empty of secrets',
    'descriptors of init and of the marker cannot be opened': 'it shows them; what is written there is not believed, and ends the sandbox',
    'nothing can be written to init’s descriptors': 'it can, is not believed, and ends the sandbox',
    'CPU is held': 'it counts by a clock of its own, so this cannot be seen from within',
    'memory is held': lost,
    'files without end come to one': lost,
    'a memory hog is reported as such, and nothing else dies': lost,
    'no capability is in effect, permitted, inherited or ambient': 'its /proc/self/status does not say',
    'no program gains privileges': 'its /proc/self/status does not say',
  },
  notRun: {
    'the number of processes is held': panics,
    'many short commands leave no zombie': panics,
    'a fork bomb ends with its time, and the place lives': panics,
  },
};

const tested = new DockerWorld('gvisor', { ignoreSelfTest: false });
const { available } = await tested.driver.status();
await tested[Symbol.asyncDispose]();

// Without runsc on the engine everything below fails, and says so.
checksSuite('containers on runsc (gVisor)', async () => new DockerWorld('gvisor'), available ? {} : OLD);
