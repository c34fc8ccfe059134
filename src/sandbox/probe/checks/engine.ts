import { asking, broken, held, notApplicable, together } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { describeEnd, finish, PROBE_PATH, readJudgement } from '../probed-place.ts';
import type { ProbedPlace } from '../probed-place.ts';
import { namesOf, spellings } from './secrets.ts';

const DOCKER_SOCKETS = ['/var/run/docker.sock', '/run/docker.sock', '/run/user/1000/docker.sock', '/root/.docker/run/docker.sock', '/run/podman/podman.sock', '/var/run/podman/podman.sock'];
const CONTAINERD_SOCKETS = [
  '/run/containerd/containerd.sock',
  '/var/run/containerd/containerd.sock',
  '/run/docker/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/var/run/dockershim.sock',
  '/run/buildkit/buildkitd.sock',
  '/run/systemd/private',
  '/run/dbus/system_bus_socket',
];
/** An engine's unencrypted and encrypted port, and Kubernetes' kubelet. */
const ENGINE_PORTS = ['2375', '2376', '10250'];
const ENGINE_HOSTS = ['127.0.0.1', '::1', '172.17.0.1', '192.168.65.2', '10.0.2.2'];

export const ENGINE: readonly Check[] = [
  asking('engine', [29], 'no engine’s socket is there', 'engine-sockets', ...DOCKER_SOCKETS),
  asking('engine', [30], 'no socket of containerd or the like is there', 'engine-sockets', ...CONTAINERD_SOCKETS),
  asking('engine', [30], 'no abstract socket is within reach', 'abstract-sockets'),
  asking('engine', [31], 'no engine answers over TCP', 'tcp', ...ENGINE_HOSTS.flatMap((host) => ENGINE_PORTS.flatMap((port) => [host, port]))),
  { rows: [32], group: 'engine', title: 'no secret is in what the host shows of it', run: secretsStayInside },
  { rows: [33], group: 'engine', title: 'every command keeps the limits, however it is started', run: everyCommandKeepsLimits },
];

async function secretsStayInside(place: ProbedPlace): Promise<Judgement> {
  if (place.outside === undefined || place.secrets.length === 0) return notApplicable('nobody looks at it from outside');
  const views = await place.outside();
  for (const { name, text } of views) {
    for (const secret of place.secrets) {
      if (spellings(secret).some((spelling) => text.includes(spelling))) return broken(`a secret is in ${name}`);
    }
  }
  return held(`none of ${place.secrets.length} secrets is in ${namesOf(views)}`);
}

async function everyCommandKeepsLimits(place: ProbedPlace): Promise<Judgement> {
  const { openFiles } = place.limits;
  const inShell = async (line: string): Promise<Judgement> => {
    const command = place.start('', [], { argv: ['/bin/sh', '-c', line, PROBE_PATH, String(openFiles)] });
    const outcome = await finish(command);
    return readJudgement(outcome) ?? broken(`a shell said nothing and ended with ${describeEnd(outcome.end)}`);
  };
  return together(
    await Promise.all([
      place.ask('keeps-limits', [openFiles]),
      place.ask('keeps-limits', [openFiles], { cwd: '/', env: { LD_PRELOAD: '/nowhere', PATH: '' } }),
      place.ask('keeps-limits', [openFiles], { stdin: 'pipe' }),
      inShell('"$0" keeps-limits "$1" & wait'),
      inShell('(setsid "$0" keeps-limits "$1" 2>/dev/null || "$0" keeps-limits "$1") | cat'),
    ]),
  );
}
