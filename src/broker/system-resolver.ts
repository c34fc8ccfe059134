import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import ipaddr from 'ipaddr.js';
import { GloveboxError } from '../contracts/index.ts';
import type { Resolve } from './egress/upstreams.ts';

const DEADLINE_MS = 10_000;

/**
 * Asks the machine's resolver, after a file of the operator's own in the form of hosts(5), which need not be there: names in it are resolved
 * by it alone. It is read at each question, and says where a name leads, not whether anybody may go there.
 */
export function systemResolver(hostsFile: string): Resolve {
  return async (host) => {
    const own = (await readHosts(hostsFile)).filter(({ names }) => names.includes(host));
    if (own.length > 0) return own.map(({ address }) => address);
    const found = await inTime(lookup(host, { all: true, order: 'verbatim' }), host);
    return found.map(({ address }) => address);
  };
}

async function readHosts(file: string): Promise<readonly { readonly address: string; readonly names: readonly string[] }[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (names.length === 0) return [];
    if (!ipaddr.isValid(address)) throw new GloveboxError('config_invalid', `${file}: expected an address and its names, found ${JSON.stringify(line)}`);
    return [{ address: ipaddr.parse(address).toString(), names: names.map((name) => name.toLowerCase()) }];
  });
}

/** What is late is let go: the resolver's own time-outs are longer than anybody waits. */
async function inTime<T>(what: Promise<T>, host: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new GloveboxError('deadline', `${host} could not be resolved within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  try {
    return await Promise.race([what, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
