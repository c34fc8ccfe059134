// Runs tests in a virtual machine of Debian packages whose kernel has control groups of version 2 alone, and systemd over them, as current systems have:
//   npm run --silent test:cgroup2 [-- [--kvm] test files…]
// For machines that have version 1. As root. Without --kvm every instruction is emulated: some twenty times as slow, and half an hour for what is run by itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findEngine, SandboxImages } from '../src/sandbox/images/index.ts';
import { ROOT, say, Stop } from './node24.mjs';
import { aptSources } from './prepare/debian-image.mjs';
import { ensurePackages, isMissing, run } from './prepare/packages.mjs';

const TESTS = ['test/integration/life.limits.test.ts', 'test/integration/life.test.ts'];
/** What makes it: its programs, by the package that has each. */
const MAKERS = { mmdebstrap: 'mmdebstrap', 'qemu-system-x86_64': 'qemu-system-x86', 'mkfs.ext4': 'e2fsprogs' };
const PACKAGES = ['systemd-sysv', 'dbus', 'udev', 'kmod', 'linux-image-cloud-amd64', 'initramfs-tools', 'zstd', 'docker.io', 'runc', 'apparmor', 'iptables', 'iproute2', 'bubblewrap', 'procps', 'git', 'perl', 'python3', 'e2fsprogs', 'busybox'];
const DISK = '8G';
const MEMORY_MIB = '6144';
const DEADLINE_MS = 90 * 60_000;
/** Of one test: emulated, and with everything that it starts. */
const TEST_MS = 10 * 60_000;
const PLACE = '/glovebox';

const UNIT = `[Unit]
After=multi-user.target docker.service apparmor.service
[Service]
Type=oneshot
ExecStart=/bin/bash /run-tests
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
`;

function orders(tests) {
  return `export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CI=true
echo "Linux $(uname -r), control groups: $(stat -fc %T /sys/fs/cgroup), $(docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}')"
docker load --quiet --input /images.tar && cd ${PLACE} &&
  "$(readlink -f node_modules/node/bin/node)" --disable-warning=ExperimentalWarning node_modules/vitest/vitest.mjs run --no-color --reporter=verbose --reporter=json --outputFile.json=/results.json \\
  --maxWorkers=1 --testTimeout=${TEST_MS} --hookTimeout=${TEST_MS} ${tests.join(' ')}
sync
systemctl poweroff --force --force
`;
}

async function main() {
  const args = process.argv.slice(2);
  const tests = args.filter((arg) => !arg.startsWith('--'));
  if (process.getuid() !== 0 || process.arch !== 'x64') throw new Stop('the virtual machine is made by root, on x86-64.');
  const missing = Object.keys(MAKERS).filter(isMissing).map((program) => MAKERS[program]);
  if (!(await ensurePackages(missing, { install: true, why: 'for the virtual machine' }))) throw new Stop('without them there is no virtual machine.');
  const folder = mkdtempSync(join(tmpdir(), 'glovebox-cgroup2-'));
  try {
    const root = join(folder, 'root');
    say('making a Debian with a kernel and an engine (some minutes)');
    run(['mmdebstrap', '--variant=minbase', `--include=${PACKAGES.join(',')}`, 'bookworm', root, ...aptSources()]);
    await furnish(root, tests.length > 0 ? tests : TESTS);
    const disk = join(folder, 'disk');
    run(['mkfs.ext4', '-q', '-d', root, disk, DISK]);
    await boot(root, disk, args.includes('--kvm') ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off']);
    const results = run(['debugfs', '-R', 'cat /results.json', disk]);
    if (results === '') throw new Stop('the machine came to its end before the tests did.');
    const { numPassedTests, numFailedTests, numTotalTests } = JSON.parse(results);
    console.log(`${numPassedTests} passed, ${numFailedTests} failed, of ${numTotalTests}, under control groups of version 2`);
    process.exitCode = numFailedTests === 0 && numPassedTests > 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This checkout as it is, its dependencies, the images that the tests start, and who runs them. */
async function furnish(root, tests) {
  const place = join(root, PLACE);
  for (const file of run(['git', '-C', ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']).split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    cpSync(join(ROOT, file), join(place, file));
  }
  run(['cp', '-a', join(ROOT, 'node_modules'), place]);
  const images = new SandboxImages((await findEngine()).docker);
  const names = await Promise.all(['init', 'probe', 'base'].map((name) => images.reference(name)));
  run(['docker', 'save', '--output', join(root, 'images.tar'), ...names]);
  writeFileSync(join(root, 'etc/systemd/system/tests.service'), UNIT);
  writeFileSync(join(root, 'run-tests'), orders(tests));
  writeFileSync(join(root, 'etc/fstab'), '');
  for (const unit of ['tests', 'docker', 'apparmor']) run(['chroot', root, 'systemctl', 'enable', unit]);
  chmodSync(root, 0o755);
}

async function boot(root, disk, processor) {
  const [kernel, initrd] = ['vmlinuz-', 'initrd.img-'].map((name) => join(root, 'boot', readdirSync(join(root, 'boot')).find((file) => file.startsWith(name))));
  const machine = ['-smp', '2', '-m', MEMORY_MIB, '-nographic', '-no-reboot', '-nic', 'none', '-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`];
  const append = 'console=ttyS0 root=/dev/vda rw quiet systemd.unified_cgroup_hierarchy=1 panic=-1';
  say('starting it');
  const child = spawn('qemu-system-x86_64', [...processor, ...machine, '-kernel', kernel, '-initrd', initrd, '-append', append], { stdio: ['ignore', 'inherit', 'inherit'], timeout: DEADLINE_MS, killSignal: 'SIGKILL' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Stop(`the virtual machine ended with ${code ?? 'its deadline'}.`);
}

main().catch((error) => {
  if (!(error instanceof Stop) && error?.name !== 'GloveboxError') throw error;
  say(error.message);
  process.exitCode = error.exitCode;
});
