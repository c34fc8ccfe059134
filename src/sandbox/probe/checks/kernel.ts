import { asking } from '../check.ts';
import type { Check } from '../check.ts';

export const KERNEL: readonly Check[] = [
  asking('kernel', [1], 'no user namespace can be made', 'user-namespace'),
  asking('kernel', [2], 'no other namespace can be entered', 'enter-namespace'),
  asking('kernel', [3], 'neither init nor a marker can be traced or read', 'trace'),
  asking('kernel', [3], 'no process of anybody else is to be seen', 'strangers'),
  asking('kernel', [4], 'bpf is out of reach', 'bpf'),
  asking('kernel', [5], 'perf_event_open is out of reach', 'perf'),
  asking('kernel', [6], 'io_uring is out of reach', 'io-uring'),
  asking('kernel', [7], 'kernel keyrings are out of reach', 'keys'),
  asking('kernel', [8], 'userfaultfd is out of reach', 'userfaultfd'),
  asking('kernel', [9], 'no kernel module can be loaded or removed', 'modules'),
  asking('kernel', [10], 'no other kernel can be loaded', 'kexec'),
  asking('kernel', [11], 'no socket but of Unix, IPv4, IPv6 and route netlink', 'socket-families'),
  asking('kernel', [11], 'route netlink changes nothing', 'route-netlink'),
  asking('kernel', [12], 'a seccomp filter is in force, and unknown calls do not exist', 'seccomp'),
  asking('kernel', [12], 'calls that nobody in here needs are refused', 'other-calls'),
];
