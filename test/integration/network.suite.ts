import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Sandbox, SandboxConnection, SandboxSpec } from '../../src/contracts/index.ts';
import { finish, run, shell, specOf, start } from '../support/sandbox-commands.ts';
import type { Outcome } from '../support/sandbox-commands.ts';
import type { SandboxWorld } from '../support/sandbox-world.ts';

const MiB = 2 ** 20;
/** Some kinds have the protocol and nobody there, others not even that. */
const NO_IPV6 = /^(ECONNREFUSED|ENETUNREACH|EADDRNOTAVAIL|EHOSTUNREACH|EINVAL)\n$/;
const LONG = { limits: { wallMs: 100_000 } };
/** What init holds when it has nothing to do, and all that programs may make it hold besides: docs/wire.md. */
const MOST_OF_INIT = 20 * MiB;

/** A sandbox that has all the languages, and may dial one odd port. */
function networkSpec(change: Partial<SandboxSpec> = {}): SandboxSpec {
  return specOf({ image: 'polyglot', network: { ports: [5432] }, limits: { pids: 128, openFiles: 1100 }, ...change });
}

/** Every behaviour that the network of a kind of sandbox must have. */
export function networkSuite(name: string, open: () => Promise<SandboxWorld>): void {
  describe(name, () => {
    let world: SandboxWorld;
    let sandbox: Sandbox;
    /** An HTTP server that is handed connections, and listens nowhere. */
    let server: Server;

    beforeAll(async () => {
      world = await open();
      sandbox = await world.driver.create(networkSpec());
      server = createServer((request, response) => {
        const hash = createHash('sha256');
        request.on('data', (bytes: Buffer) => hash.update(bytes));
        request.on('end', () => response.end(`${request.method ?? ''} ${request.headers.host ?? ''}${request.url ?? ''} ${hash.digest('hex')}\n`));
      });
    });
    beforeEach(() => {
      sandbox.serveNetwork(({ stream }) => void server.emit('connection', stream));
    });
    afterAll(async () => {
      server?.close();
      await sandbox?.destroy();
      await world?.[Symbol.asyncDispose]();
    });

    const node = (script: string, more = {}): Promise<Outcome> => run(sandbox, ['node', '-e', script], more);
    const alive = async (): Promise<void> => expect(await run(sandbox, ['echo', 'alive'])).toMatchObject({ stdout: 'alive\n', end: { exitCode: 0 } });
    const NOTHING = createHash('sha256').digest('hex');

    describe('programs that know nothing of it', () => {
      test.each([
        ['curl', 'curl -sS http://api.test/x', 'GET api.test/x'],
        ['curl, on an odd port', 'curl -sS http://api.test:5432/x', 'GET api.test:5432/x'],
        ['node', `node -e "fetch('http://node.test/').then((r) => r.text()).then((t) => process.stdout.write(t))"`, 'GET node.test/'],
        ['python', `python3 -c "import urllib.request as u; print(u.urlopen('http://python.test/').read().decode(), end='')"`, 'GET python.test/'],
        ['perl', `perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => "perl.test:80") or die; print $s "GET / HTTP/1.0\\r\\nHost: perl.test\\r\\n\\r\\n"; while (<$s>) { $l = $_ } print $l'`, 'GET perl.test/'],
      ])('%s', async (_program, line, said) => {
        const { stdout, stderr } = await shell(sandbox, line);
        expect(stdout + stderr).toBe(`${said} ${NOTHING}\n`);
      });

      test('say what they dialled', async () => {
        const dialled: Omit<SandboxConnection, 'stream'>[] = [];
        sandbox.serveNetwork(({ stream, ...rest }) => {
          dialled.push(rest);
          stream.end();
          stream.resume();
        });
        await shell(sandbox, 'for to in http://First.test http://second.test:443 http://third.test:5432 http://127.0.0.1:3128; do curl -s --noproxy "*" $to; done');
        expect(dialled).toEqual([
          { via: 'name', host: 'first.test', port: 80 },
          { via: 'name', host: 'second.test', port: 443 },
          { via: 'name', host: 'third.test', port: 5432 },
          { via: 'proxy', port: 3128 },
        ]);
      });

      test('talk to themselves as ever', async () => {
        const script = `const s = require('node:http').createServer((q, r) => r.end('mine')).listen(8080, '127.0.0.1', () => fetch('http://localhost:8080').then((r) => r.text()).then((t) => { process.stdout.write(t); s.close(); s.closeAllConnections(); }))`;
        expect((await node(script)).stdout).toBe('mine');
        expect((await shell(sandbox, 'getent hosts localhost | head -1; getent hosts $(hostname)')).stdout).toMatch(/(127\.0\.0\.1|::1)\s+localhost.*\n127\.0\.0\.1\s+sandbox|127\.0\.0\.1\s+localhost sandbox/);
      });
    });

    describe('names', () => {
      test('have an address each, whatever they are, and always the same', async () => {
        const { stdout } = await shell(sandbox, 'for name in one.test two.test ONE.test one.test; do getent hosts $name; done');
        const addresses = stdout.trim().split('\n').map((line) => line.split(/\s+/)[0]);
        expect(addresses.every((address) => /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$/.test(address ?? ''))).toBe(true);
        expect([addresses[2], addresses[3]]).toEqual([addresses[0], addresses[0]]);
        expect(addresses[1]).not.toBe(addresses[0]);
      });

      test('that cannot be have none', async () => {
        const odd = ['a..test', 'a b.test', `${'x'.repeat(64)}.test`, 'ü.test', '$(id).test', '.'];
        for (const each of odd) expect([each, (await run(sandbox, ['getent', 'hosts', each])).end.exitCode]).toEqual([each, 2]);
      });

      test('have no IPv6 address, and nothing else to be asked for', async () => {
        const script = `
          const dns = require('node:dns').promises;
          const ask = (kind) => dns.resolve('api.test', kind).then((found) => JSON.stringify(found), (error) => error.code);
          Promise.all(['A', 'AAAA', 'TXT', 'MX', 'CNAME', 'SRV'].map(ask)).then((all) => console.log(all.join(' ')))`;
        expect((await node(script)).stdout).toMatch(/^\["127\.\d+\.\d+\.\d+"\] ENODATA ENODATA ENODATA ENODATA ENODATA\n$/);
      });

      test('are answered over TCP, too', async () => {
        const ask = `use IO::Socket::INET; for my $at ('127.0.0.1', '127.0.0.53') { my $s = IO::Socket::INET->new(PeerAddr => "$at:53") or die $!; my $q = pack('n6C/a*C/a*Cnn', 7, 256, 1, 0, 0, 0, 'api', 'test', 0, 1, 1); syswrite($s, pack('n/a*', $q)); my $b = ''; while (length $b < 44) { sysread($s, $b, 44, length $b) or die 'short' } print join('.', unpack('C4', substr $b, 40)), "\\n" }`;
        const [one, two] = (await run(sandbox, ['perl', '-e', ask])).stdout.split('\n');
        expect(one).toBe((await shell(sandbox, 'getent hosts api.test')).stdout.split(/\s/)[0]);
        expect(two).toBe(one);
      });
    });

    describe('a connection', () => {
      test('carries 64 MiB each way at once, byte for byte', async () => {
        const [up, down] = [createHash('sha256'), createHash('sha256')];
        const arrived = new Promise<void>((resolve) =>
          sandbox.serveNetwork(({ stream }) => {
            stream.on('data', (bytes: Buffer) => up.update(bytes)).on('end', resolve);
            void send(stream, 64, (bytes) => down.update(bytes));
          }),
        );
        const script = `
          const { createHash, randomBytes } = require('node:crypto');
          const [up, down] = [createHash('sha256'), createHash('sha256')];
          const socket = require('node:net').connect({ port: 80, host: 'bulk.test', allowHalfOpen: true });
          socket.on('data', (bytes) => down.update(bytes));
          (async () => {
            for (let i = 0; i < 64; i++) {
              const bytes = randomBytes(1 << 20);
              up.update(bytes);
              if (!socket.write(bytes)) await new Promise((go) => socket.once('drain', go));
            }
            socket.end();
            if (!socket.readableEnded) await new Promise((go) => socket.once('end', go));
            console.log(up.digest('hex'), down.digest('hex'));
          })();`;
        const { stdout, stderr, end } = await node(script, LONG);
        expect({ stdout, stderr, end }).toMatchObject({ stderr: '', end: { exitCode: 0 } });
        await arrived;
        expect(stdout.trim().split(' ')).toEqual([up.digest('hex'), down.digest('hex')]);
      });

      test('is one of a hundred at once, and gets its own answer', async () => {
        const script = `
          const ask = async (i) => (await (await fetch('http://h' + i + '.test/' + i)).text()).split(' ')[1];
          Promise.all(Array.from({ length: 100 }, (_, i) => ask(i))).then((all) => console.log(all.every((text, i) => text === 'h' + i + '.test/' + i), all.length))`;
        expect((await node(script, LONG)).stdout).toBe('true 100\n');
      });

      test('ends one way and goes on the other', async () => {
        let heard = '';
        sandbox.serveNetwork(({ stream }) => {
          stream.on('data', (bytes: Buffer) => (heard += bytes.toString()));
          // Only when the program has said all is anything said.
          stream.on('end', () => stream.end(`heard ${heard}`));
        });
        const script = `const s = require('node:net').connect({ port: 80, host: 'half.test', allowHalfOpen: true }); s.end('all of it'); s.on('data', (b) => process.stdout.write(b))`;
        expect((await node(script)).stdout).toBe('heard all of it');
        const other = `const s = require('node:net').connect({ port: 80, host: 'half.test', allowHalfOpen: true }); s.on('end', () => s.end('said after the end')).resume()`;
        const ended = new Promise<string>((resolve) =>
          sandbox.serveNetwork(({ stream }) => {
            let text = '';
            stream.end();
            stream.on('data', (bytes: Buffer) => (text += bytes.toString())).on('end', () => resolve(text));
          }),
        );
        await node(other);
        expect(await ended).toBe('said after the end');
      });

      test('that is destroyed is reset for the program', async () => {
        sandbox.serveNetwork(({ stream }) => void stream.destroy());
        expect((await node(dialAndTell('a.test', 80))).stdout).toBe('ECONNRESET\n');
      });

      test('whose program dies is reset for us', async () => {
        const opened = new Promise<Duplex>((resolve) => sandbox.serveNetwork(({ stream }) => resolve(stream)));
        const program = start(sandbox, ['node', '-e', `require('node:net').connect(80, 'a.test').pause(); setInterval(() => {}, 1000)`]);
        const stream = await opened;
        const errored = new Promise<NodeJS.ErrnoException>((resolve) => stream.once('error', resolve));
        // More than the program's buffers take, so that something is unread whatever happens first.
        stream.resume().write(Buffer.alloc(64 * MiB));
        program.signal('SIGKILL');
        expect((await errored).code).toBe('ECONNRESET');
        await finish(program);
      });

      test('that nobody serves is reset', async () => {
        await using idle = await world.driver.create(networkSpec());
        expect((await run(idle, ['node', '-e', dialAndTell('a.test', 80)])).stdout).toBe('ECONNRESET\n');
      });

      test('on a port that nobody named is refused, and so is an address without a name', async () => {
        expect((await node(dialAndTell('a.test', 81))).stdout).toBe('ECONNREFUSED\n');
        expect((await node(dialAndTell('127.100.1.1', 80))).stdout).toBe('ECONNRESET\n');
        expect((await node(dialAndTell('::1', 80))).stdout).toMatch(NO_IPV6);
      });

      test('is reset when the wire breaks, and the next one is served', async () => {
        const opened = new Promise<Duplex>((resolve) => sandbox.serveNetwork(({ stream }) => resolve(stream)));
        const program = start(sandbox, ['node', '-e', dialAndTell('a.test', 80)]);
        const stream = await opened;
        const errored = new Promise<NodeJS.ErrnoException>((resolve) => stream.once('error', resolve));
        world.cutTransports();
        expect((await errored).code).toBe('ECONNRESET');
        expect((await finish(program)).stdout).toBe('ECONNRESET\n');
        sandbox.serveNetwork(({ stream: next }) => void server.emit('connection', next));
        expect((await shell(sandbox, 'curl -sS http://api.test/again')).stdout).toBe(`GET api.test/again ${NOTHING}\n`);
      });
    });

    describe('there is no other way', () => {
      test('where a sandbox has no network at all', async () => {
        await using sealed = await world.driver.create(specOf({ image: 'polyglot' }));
        expect((await run(sealed, ['getent', 'hosts', 'api.test'])).end.exitCode).toBe(2);
        for (const port of [53, 80, 443, 3128]) expect((await run(sealed, ['node', '-e', dialAndTell('127.0.0.1', port)])).stdout).toBe('ECONNREFUSED\n');
      });

      test('by address, by UDP, by IPv6', async () => {
        for (const address of ['1.1.1.1', '169.254.169.254', '10.0.0.1', '172.17.0.1']) {
          expect([address, (await node(dialAndTell(address, 80))).stdout]).toEqual([address, 'ENETUNREACH\n']);
        }
        for (const address of ['2606:4700:4700::1111', 'fd00::1', 'fe80::1%lo']) expect((await node(dialAndTell(address, 80))).stdout).toMatch(NO_IPV6);
        const udp = `const s = require('node:dgram').createSocket('udp4'); s.send('x', 53, '8.8.8.8', (error) => { console.log(error.code); s.close(); })`;
        expect((await node(udp)).stdout).toBe('ENETUNREACH\n');
        expect((await shell(sandbox, 'cat /proc/net/dev')).stdout.split('\n').slice(2).map((line) => line.split(':')[0]?.trim())).toEqual(['lo', '']);
      });

      test('to another sandbox', async () => {
        await using other = await world.driver.create(networkSpec());
        const listening = start(other, ['node', '-e', `require('node:net').createServer((s) => s.end('me')).listen(9000, '0.0.0.0', () => console.log('up'))`]);
        for await (const { bytes } of listening.output) if (bytes.toString().includes('up')) break;
        expect((await node(dialAndTell('127.0.0.1', 9000))).stdout).toBe('ECONNREFUSED\n');
        listening.cancel();
      });
    });

    describe('a hostile program', () => {
      test('that opens and closes 20,000 connections hurts nobody, and init keeps nothing', async () => {
        let opened = 0;
        sandbox.serveNetwork(({ stream }) => {
          opened += 1;
          stream.on('end', () => stream.end()).resume();
        });
        const flood = `use Socket; $SIG{PIPE} = 'IGNORE'; my $to = sockaddr_in(80, inet_aton('flood.test')); for my $i (1 .. 5000) { socket(my $s, PF_INET, SOCK_STREAM, 0) or die; connect($s, $to); syswrite($s, 'x') if $i % 3 == 0; setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $i % 2; close $s }`;
        const floods = Array.from({ length: 4 }, () => run(sandbox, ['perl', '-e', flood], LONG));
        let over = false;
        void Promise.all(floods).then(() => (over = true));
        while (!over) await alive();
        for (const { end } of await Promise.all(floods)) expect(end).toMatchObject({ cause: 'exited', exitCode: 0 });
        expect(opened).toBeGreaterThan(1000);
        sandbox.serveNetwork(({ stream }) => void server.emit('connection', stream));
        expect((await shell(sandbox, 'curl -sS --retry 5 --retry-all-errors http://last.test/')).stdout).toBe(`GET last.test/ ${NOTHING}\n`);
        expect((await sandbox.ping()).initBytes).toBeLessThan(MOST_OF_INIT);
      }, 110_000);

      test('that holds a thousand sockets and reads none has what it holds and no more', async () => {
        const streams: Duplex[] = [];
        sandbox.serveNetwork(({ stream }) => {
          streams.push(stream);
          void send(stream, 64, () => undefined).catch(() => undefined);
        });
        const hold = `use Socket; $| = 1; my @held; my $to = sockaddr_in(80, inet_aton('hold.test')); for (1 .. 1000) { socket(my $s, PF_INET, SOCK_STREAM, 0) or die; connect($s, $to); push @held, $s } print "held\\n"; <STDIN>`;
        const program = start(sandbox, ['perl', '-e', hold], { stdin: 'pipe', ...LONG });
        for await (const { bytes } of program.output) if (bytes.toString().includes('held')) break;
        await alive();
        expect(streams.length).toBe(256);
        expect((await sandbox.ping()).initBytes).toBeLessThan(MOST_OF_INIT);
        await program.closeStdin();
        await program.end;
        await Promise.all(streams.map(closed));
        await alive();
        expect((await sandbox.ping()).initBytes).toBeLessThan(4 * MiB);
      }, 110_000);

      test('that floods DNS is answered as far as there is room, and stalls nobody', async () => {
        await using flooded = await world.driver.create(networkSpec());
        flooded.serveNetwork(({ stream }) => void server.emit('connection', stream));
        const known = (await run(flooded, ['getent', 'hosts', 'known.test'])).stdout;
        const flood = `use Socket; socket(my $u, PF_INET, SOCK_DGRAM, 0) or die; my $to = sockaddr_in(53, inet_aton('127.0.0.1')); for my $i (1 .. 50000) { send($u, pack('n6C/a*C/a*Cnn', $i & 65535, 256, 1, 0, 0, 0, "n$i", 'test', 0, 1, 1), 0, $to); send($u, join('', map { chr rand 256 } 1 .. 40), 0, $to) if $i % 5 == 0 }`;
        const flooding = run(flooded, ['perl', '-e', flood], LONG);
        for (let i = 0; i < 10; i++) expect((await run(flooded, ['echo', 'alive'])).stdout).toBe('alive\n');
        expect((await flooding).end).toMatchObject({ exitCode: 0 });
        expect((await run(flooded, ['getent', 'hosts', 'known.test'])).stdout).toBe(known);
        expect((await shell(flooded, 'curl -sS http://known.test/')).stdout).toBe(`GET known.test/ ${NOTHING}\n`);
        expect((await flooded.ping()).initBytes).toBeLessThan(4 * MiB);
      }, 110_000);
    });

    test('a connection sleeps with its sandbox', async () => {
      const opened = new Promise<Duplex>((resolve) => sandbox.serveNetwork(({ stream }) => resolve(stream)));
      const program = start(sandbox, ['node', '-e', `const s = require('node:net').connect(80, 'a.test'); s.on('data', (b) => { process.stdout.write(b); s.end(); }).on('error', (e) => console.log(e.code))`]);
      const stream = await opened;
      await sandbox.pause();
      stream.end('after the sleep');
      stream.resume();
      await sandbox.resume();
      expect((await finish(program)).stdout).toBe('after the sleep');
    });

    test('whoever takes the sandbox over serves its network', async () => {
      const made = await world.driver.create(networkSpec());
      await using adopted = await world.driver.adopt(made.id);
      adopted.serveNetwork(({ stream }) => void server.emit('connection', stream));
      expect((await shell(adopted, 'curl -sS http://api.test/adopted')).stdout).toBe(`GET api.test/adopted ${NOTHING}\n`);
    });
  });
}

/** A program that dials, reads, and prints how that ended. */
function dialAndTell(host: string, port: number): string {
  return `require('node:net').connect(${port}, '${host}').on('error', (error) => console.log(error.code)).on('end', () => console.log('end')).resume()`;
}

async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
}

/** So many MiB, as fast as they are taken, and then the end. */
async function send(stream: Duplex, count: number, sent: (bytes: Buffer) => void): Promise<void> {
  for (let i = 0; i < count; i++) {
    const bytes = randomBytes(MiB);
    sent(bytes);
    if (!stream.write(bytes)) await once(stream, 'drain');
  }
  stream.end();
}
