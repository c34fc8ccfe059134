import { readFileSync } from 'node:fs';

/** Whether the server's end of the connection from this port of 127.0.0.1 is open. */
export function isConnected(port: number): boolean {
  const client = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ESTABLISHED = '01';
  const ends = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
  return ends.some(([, , remote, state]) => remote === client && state === ESTABLISHED);
}
