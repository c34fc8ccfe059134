/** Files of the host's /etc that programs need to run at all, and that hold nothing of the host's own affairs. */
export const HOST_ETC = [
  'alternatives',
  'debian_version',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'magic',
  'mime.types',
  'os-release',
  'perl',
  'pki/tls/certs',
  'protocols',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
] as const;
/** The same, of interpreters that put their version into the name. */
export const HOST_ETC_VERSIONED = /^(java-\d+-openjdk|python3(\.\d+)?)$/;

/** Files of a sandbox's own /etc: its one user, and only itself as a network. */
export function ownEtc(user: { readonly uid: number; readonly gid: number }, hostName: string): Readonly<Record<string, string>> {
  return {
    passwd: `sandbox:x:${user.uid}:${user.gid}:sandbox:/home/sandbox:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
    group: `sandbox:x:${user.gid}:\nnogroup:x:65534:\n`,
    hosts: `127.0.0.1 localhost ${hostName}\n::1 localhost ip6-localhost\n`,
    hostname: `${hostName}\n`,
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n',
    // The sandbox itself: init answers there, or nobody does.
    'resolv.conf': 'nameserver 127.0.0.1\nsearch .\n',
  };
}
