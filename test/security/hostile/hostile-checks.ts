import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describeError } from '../../../src/contracts/index.ts';
import { broken, held } from '../../../src/sandbox/probe/check.ts';
import type { Check, Judgement } from '../../../src/sandbox/probe/check.ts';
import { finish, readJudgement } from '../../../src/sandbox/probe/probed-place.ts';
import { type Answer, type EgressRig, within } from '../../support/egress.ts';
import { type HostileWorld, REFLECTIONS } from './hostile-world.ts';
import { SMUGGLED } from './smuggled.ts';

/** Addresses where nothing may go, whatever policy says of the name that leads there. */
const FORBIDDEN = ['169.254.169.254', 'fd00:ec2::254', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::', '0.0.0.0', '::', 'fe80::1', '224.0.0.1', '::ffff:127.0.0.1'];
const upgrade = (host: string, protocol: string): string =>
  `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade, http2-settings\r\nupgrade: ${protocol}\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${randomBytes(16).toString('base64')}\r\n\r\n`;
const basic = (password: string): string => `Basic ${Buffer.from(`x-access-token:${password}`).toString('base64')}`;
/** What every form of a secret that is cut anywhere still has in it. */
const middleOf = (secret: string): string => secret.slice(6, -2);

interface Row {
  readonly rows: Check['rows'];
  readonly title: string;
  readonly run: (world: HostileWorld) => Promise<Judgement>;
}

/** In this order: with the last one the session is over. */
const ROWS: readonly Row[] = [
  { rows: [47, 48], title: 'a name that policy opens leads to no metadata address, however it is written', run: forbiddenAddresses },
  { rows: [49, 50], title: 'a name that policy opens leads to no private address unless it says so', run: privateAddress },
  { rows: [60], title: 'a redirect to a denied host is not followed', run: redirect },
  { rows: [61], title: 'an upgrade that policy does not open is not passed on', run: upgrades },
  { rows: [62], title: 'what could be read as two requests, or in two ways, is none', run: smuggling },
  { rows: [63], title: 'a name that changes its mind between decision and dial changes nothing', run: rebinding },
  { rows: [64], title: 'what is lent is in no file, variable or memory inside', run: nowhereInside },
  { rows: [64], title: 'a canary goes nowhere, in whatever form, and is told of', run: canaries },
  { rows: [65], title: 'a secret that is told back is its placeholder again, however it is told', run: reflections },
  { rows: [67], title: 'a placeholder at another host, path, method or session, or in the clear, stays what it is', run: elsewhere },
  { rows: [68], title: 'a placeholder in a query or a path goes nowhere, in git’s Basic auth where it is bound', run: places },
  { rows: [66], title: 'a lease is dead after its session', run: afterTheSession },
];

/** What takes a way out and servers that wish it ill. */
export function hostileChecks(world: HostileWorld): Check[] {
  return ROWS.map(({ rows, title, run }) => ({ rows, group: 'network', title, run: () => run(world) }));
}

async function forbiddenAddresses({ rig }: HostileWorld): Promise<Judgement> {
  for (const [i, address] of FORBIDDEN.entries()) {
    const name = `n${i}.meta.test`;
    rig.names.set(name, [[address]]);
    const answer = await rig.get(`http://${name}/`);
    if (answer.status !== 403) return broken(`${name}, which leads to ${address}, answered ${answer.status}`);
  }
  return held(`${FORBIDDEN.length} addresses behind names that are open: 403`);
}

async function privateAddress({ rig, ports, heard }: HostileWorld): Promise<Judgement> {
  const answer = await rig.get(`http://home.test:${ports.denied}/`);
  return heard.length > 0 ? broken(`it was reached: ${heard.at(-1)}`) : held(`${answer.status}: ${answer.body.trim()}`);
}

async function redirect({ rig, url, heard, ports }: HostileWorld): Promise<Judgement> {
  const before = heard.length;
  const { status } = await rig.get(`${url}/moved`);
  if (heard.length > before) return broken(`it was followed: ${heard.at(-1)}`);
  const followed = await rig.get(`http://denied.test:${ports.denied}/`);
  return heard.length > before ? broken('the program could follow it') : held(`the program gets ${status}, and ${followed.status} where it follows it`);
}

async function upgrades({ rig, ports, seen }: HostileWorld): Promise<Judgement> {
  const answers: string[] = [];
  for (const protocol of ['h2c', 'websocket', 'TLS/1.0']) {
    const before = seen.length;
    const stream = rig.dialName('up.test', ports.plain);
    stream.write(upgrade(`up.test:${ports.plain}`, protocol));
    answers.push((await firstLine(stream)).slice(9, 12));
    stream.destroy();
    const passed = seen.slice(before).find((request) => /upgrade|http2/i.test(request));
    if (passed !== undefined) return broken(`the other side got ${JSON.stringify(passed.slice(0, 200))}`);
  }
  return held(`h2c, websocket, TLS: answered with ${answers.join(', ')}, and not one upgrade was passed on`);
}

async function smuggling({ rig, ports, seen }: HostileWorld): Promise<Judgement> {
  const authority = `raw.test:${ports.raw}`;
  for (const [what, rest] of SMUGGLED) {
    for (const [stream, target] of [[rig.dialProxy(), `http://${authority}/`], [rig.dialName('raw.test', ports.raw), '/']] as const) {
      const before = seen.length;
      stream.write(Buffer.from(`POST ${target} HTTP/1.1\r\nhost: ${authority}\r\n${rest}GET /smuggled HTTP/1.1\r\nhost: ${authority}\r\n\r\n`, 'latin1'));
      stream.end();
      await within(text(stream).catch(() => ''), `an end after ${what}`);
      if (seen.slice(before).join('').includes('/smuggled')) return broken(`${what}: a second request went along`);
    }
  }
  return held(`${SMUGGLED.length} of them, through the proxy and by name: no second request went along`);
}

async function rebinding({ rig, ports }: HostileWorld): Promise<Judgement> {
  for (let i = 0; i < 3; i++) await rig.get(`http://rebind.test:${ports.plain}/${i}`);
  const asked = rig.questions.filter((name) => name === 'rebind.test').length;
  return asked === 1 ? held('three requests, one question to the resolver') : broken(`it was looked up ${asked} times`);
}

/** The secret itself comes over stdin, where nobody else can see it. */
async function nowhereInside({ probed: { place }, secret }: HostileWorld): Promise<Judgement> {
  const command = place.start('find-secret', ['/tmp', '/home', '/workspace', '/dev/shm', '/etc', '/run', '/var'], { stdin: 'pipe' });
  await command.write(Buffer.from(secret));
  await command.closeStdin();
  return readJudgement(await finish(command)) ?? broken('the search said nothing');
}

async function canaries(world: HostileWorld): Promise<Judgement> {
  const { rig, url, secureUrl, seen } = world;
  const { env } = rig.egress.provisions('/x');
  const canary = env['BACKUP_AWS_SECRET_ACCESS_KEY'] ?? '';
  const sent: Record<string, () => Promise<Answer>> = {
    header: () => rig.getByName(`${secureUrl}/repos/acme/x`, { headers: { 'x-key': canary } }),
    'Basic auth': () => rig.getByName(url, { headers: { authorization: basic(canary) } }),
    query: () => rig.get(`${url}/?q=${encodeURIComponent(canary)}`),
    hex: () => rig.get(`${url}/${Buffer.from(canary).toString('hex')}`),
    body: () => rig.get(url, { method: 'POST' }, `{"env":"${canary}"}`),
    'base64 behind a megabyte': () => rig.getByName(url, { method: 'POST' }, 'x'.repeat(1_000_001) + Buffer.from(`env: ${canary}\n`).toString('base64')),
  };
  const before = seen.length;
  for (const send of Object.values(sent)) await send().catch(() => undefined);
  const forms = [canary.slice(3, 30), encodeURIComponent(canary).slice(0, 20), Buffer.from(canary).toString('hex').slice(0, 30), Buffer.from(`env: ${canary}\n`).toString('base64').slice(12, 40)];
  const arrived = seen.slice(before).find((request) => forms.some((form) => request.includes(form)));
  if (arrived !== undefined) return broken(`it arrived: ${JSON.stringify(arrived.slice(0, 120))}`);
  const told = world.anomalies().length;
  return told === 0 ? broken('nobody was told') : held(`${Object.keys(sent).join(', ')}: none arrived, ${told} anomalies told`);
}

async function reflections({ rig, secureUrl, secret, placeholder }: HostileWorld): Promise<Judgement> {
  const headers = { authorization: `Bearer ${placeholder}` };
  for (const how of Object.keys(REFLECTIONS)) {
    const answer = await rig.getByName(`${secureUrl}/repos/acme/${how}`, { headers });
    // Of what is refused nothing is passed on.
    const told = JSON.stringify(answer) + Buffer.from(answer.body, 'hex').toString('latin1');
    if (told.includes(middleOf(secret))) return broken(`in a ${how} it came back`);
    if (how === 'gzip' ? answer.status !== 502 : !told.includes(middleOf(placeholder))) return broken(`in a ${how} nothing came back: ${told.slice(0, 120)}`);
  }
  return held(`in ${Object.keys(REFLECTIONS).join(', ')}`);
}

async function elsewhere(world: HostileWorld): Promise<Judgement> {
  const { rig, placeholder, secureUrl, url, ports, seen, secret, foreign } = world;
  const authorization = `Bearer ${placeholder}`;
  const before = seen.length;
  const answers = [
    await rig.getByName(`https://other.test:${ports.other}/repos/acme/x`, { headers: { authorization } }),
    await rig.getByName(`${secureUrl}/repos/evil/x`, { headers: { authorization } }),
    await rig.getByName(`${secureUrl}/repos/acme/..%2fevil`, { headers: { authorization } }),
    await rig.getByName(`${secureUrl}/repos/acme/x`, { method: 'DELETE', headers: { authorization } }),
    await rig.getByName(`${url}/repos/acme/x`, { headers: { authorization } }),
    await rig.getByName(`${secureUrl}/repos/acme/x`, { headers: { authorization: `Bearer ${foreign.placeholder}` } }),
  ];
  const told = seen.slice(before).find((request) => request.includes(secret) || request.includes(foreign.secret));
  return told === undefined ? held(`host, path, encoded path, method, plain HTTP, session: ${answers.map(({ status }) => status).join(', ')}`) : broken(`a server was told: ${JSON.stringify(told.slice(0, 80))}`);
}

async function places({ rig, placeholder, secureUrl, seen, secret }: HostileWorld): Promise<Judgement> {
  const before = seen.length;
  const refused = [
    await rig.getByName(`${secureUrl}/repos/acme/x?token=${placeholder}`),
    await rig.getByName(`${secureUrl}/repos/acme/${placeholder}`),
  ];
  if (seen.slice(before).some((request) => request.includes(secret))) return broken('a server was told it in an address, which servers write down');
  await rig.getByName(`${secureUrl}/repos/acme/x.git/info/refs`, { headers: { authorization: basic(placeholder) } });
  if (seen.at(-1)?.includes(`x-access-token:${secret}`) !== true) return broken('git would not get in where it may');
  return held(`query, path: ${refused.map(({ status }) => status).join(', ')}; Basic auth is swapped for the server alone`);
}

async function afterTheSession({ rig, placeholder, secureUrl, seen }: HostileWorld): Promise<Judgement> {
  await rig.egress[Symbol.asyncDispose]();
  const before = seen.length;
  const answer = await asked(rig, `${secureUrl}/repos/acme/x`, placeholder);
  return seen.length > before ? broken(`it was still lent: ${answer}`) : held(`nothing arrives: ${answer}`);
}

function asked(rig: EgressRig, url: string, placeholder: string): Promise<string> {
  return rig.getByName(url, { headers: { authorization: `Bearer ${placeholder}` } }).then(({ status }) => String(status), describeError);
}

async function firstLine(stream: Duplex): Promise<string> {
  let said = '';
  const read = async (): Promise<string> => {
    for await (const bytes of stream as AsyncIterable<Buffer>) {
      said += bytes.toString('latin1');
      if (said.includes('\r\n')) break;
    }
    return said;
  };
  return await within(read(), 'an answer');
}
