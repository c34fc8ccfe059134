import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';

export interface Posted {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Somewhere that messages are posted to, on this machine, until the test has finished; `answer` gives the status for each. */
export async function receiver(answer: (posted: Posted) => number | Promise<number> = () => 204) {
  const got: Posted[] = [];
  const waiting = new Set<() => void>();
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    // A header that came twice is none of ours.
    const posted: Posted = { path: request.url ?? '', headers: request.headers as Record<string, string>, body: Buffer.concat(pieces).toString() };
    got.push(posted);
    const status = await answer(posted);
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    for (const wake of waiting) wake();
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  }));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, got, until: (count: number) => until(() => got.length >= count, waiting, () => JSON.stringify(got)) };
}

/** A mail server of a test's own, for one user; `mails` has what came, as it was sent. */
export async function mailServer(login: { readonly user: string; readonly password: string }) {
  const mails: string[] = [];
  const waiting = new Set<() => void>();
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) => (username === login.user && password === login.password ? done(null, { user: username }) : done(new Error('who are you?'))),
    onData: (stream, _session, done) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        mails.push(Buffer.concat(pieces).toString());
        done();
        for (const wake of waiting) wake();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return { port, mails, until: (count: number) => until(() => mails.length >= count, waiting, () => JSON.stringify(mails)) };
}

async function until(isSo: () => boolean, waiting: Set<() => void>, seen: () => string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`in 20 s there came only ${seen()}`)), 20_000);
  try {
    while (!isSo()) await Promise.race([late.promise, new Promise<void>((resolve) => waiting.add(resolve))]);
  } finally {
    clearTimeout(timer);
    waiting.clear();
  }
}
