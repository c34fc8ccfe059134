import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type Docker from 'dockerode';

/** What we are compared with: a container hardened by hand, as facts about `docker exec` are usually measured. */
export const HARDENED: Docker.HostConfig = {
  NetworkMode: 'none',
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  Memory: 256 * 2 ** 20,
  MemorySwap: 256 * 2 ** 20,
  PidsLimit: 256,
};

/** One command by `docker exec` over the engine's API, its output read to the end, its exit code looked up. */
export async function execOverApi(container: Docker.Container, argv: string[]): Promise<void> {
  const exec = await container.exec({ Cmd: argv, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: false });
  await new Promise((resolve, reject) => stream.on('error', reject).on('end', resolve).on('close', resolve).resume());
  const { ExitCode: code } = await exec.inspect();
  if (code !== 0) throw new Error(`docker exec ended with ${code}`);
}

/** /bin/true in a container of its own, as a person would run it, up to its removal. */
export async function dockerRun(image: string): Promise<void> {
  const child = spawn('docker', ['run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '-m', '256m', image, '/bin/true']);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`docker run ended with ${String(code)}`);
}
