import { asking, broken, notApplicable, together } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { describeEnd } from '../probed-place.ts';
import type { ProbedPlace } from '../probed-place.ts';
import { absolute, byName, nowhere, refusedOnTheWayOut, socks, throughProxy, tunnelled } from '../ways-out.ts';
import type { Try } from '../ways-out.ts';

const METADATA = ['169.254.169.254', '169.254.170.2', '169.254.170.23', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254', 'fe80::a9fe:a9fe%2'];
/** 169.254.169.254 as libraries and kernels read it too. */
const OTHER_SPELLINGS = ['2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '0xa9.0xfe.0xa9.0xfe', '169.254.43518', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', 'fe80::1%2'];
const GATEWAYS = ['172.17.0.1', '172.18.0.1', '192.168.65.1', '192.168.65.2', '192.168.127.1', '10.0.2.2', '10.88.0.1'];
const ENGINE_NAMES = ['host.docker.internal', 'gateway.docker.internal', 'host.containers.internal'];
const METADATA_NAMES = ['metadata.google.internal', 'metadata.goog', 'instance-data'];
const RESOLVERS = ['127.0.0.11', '8.8.8.8', '1.1.1.1', '9.9.9.9', '2606:4700:4700::1111'];
const DNS_OVER_HTTPS = ['1.1.1.1', '8.8.8.8', '9.9.9.9', '2606:4700:4700::1111', '2001:4860:4860::8888'];
const DNS_OVER_HTTPS_NAMES = ['dns.google', 'cloudflare-dns.com', 'dns.quad9.net'];
const ANYWHERE = ['93.184.215.14', '1.1.1.1', '140.82.112.3'];
const ANYWHERE_6 = ['2606:4700:4700::1111', '2001:db8::1', 'ff02::1%2', 'fe80::1%2'];
const SMUGGLED = 'c2VjcmV0LXRoYXQtc2hhbGwtbm90LWxlYXZlLXRoZS1zYW5kYm94LWF0LWFsbA.dGhlLXJlc3Qtb2YtaXQ.example.com';
const OTHER = 'other.invalid';
/** Where no destination is open nothing is tried. */
const NOWHERE = { host: 'nobody.invalid', port: 80 };
const NEIGHBOUR = { port: 47_389, name: 'glovebox-neighbour' } as const;

const at = (hosts: readonly string[], ...ports: readonly string[]): string[] => hosts.flatMap((host) => ports.flatMap((port) => [host, port]));

/** Nothing goes out by itself, whatever would come back; and where policy opens a way out, it leads to none of these. */
export const NETWORK: readonly Check[] = [
  reaching([47], 'no metadata service is within reach', ['tcp', ...at(METADATA, '80')], [...throughProxy(METADATA), ...METADATA_NAMES.flatMap((name) => [...throughProxy([name]), byName(name)])]),
  reaching([48], 'nor by another spelling of its address', ['tcp', ...at(OTHER_SPELLINGS, '80')], throughProxy(OTHER_SPELLINGS)),
  reaching([49], 'there is no way to the host', ['tcp', ...at(GATEWAYS, '22', '80')], throughProxy([...GATEWAYS, 'localhost', '127.0.0.1', '::1'])),
  asking('network', [49], 'there is no interface but loopback, and no route', 'interfaces'),
  reaching([50], 'the host has no name', ['host-names', ...ENGINE_NAMES], ENGINE_NAMES.flatMap((name) => [...throughProxy([name]), byName(name)])),
  { rows: [51], group: 'network', title: 'a sandbox beside it is out of reach', run: neighbour },
  asking('network', [52], 'nobody answers on UDP 53 but the place itself, and nothing goes there', 'dns', 'example.com', ...RESOLVERS),
  asking('network', [52], 'no resolver or domain of the host is named', 'resolvers'),
  reaching([53], 'no data leaves in the labels of a name', ['dns', SMUGGLED, ...RESOLVERS], [...throughProxy([SMUGGLED]), byName(SMUGGLED.toLowerCase())]),
  reaching([54], 'DNS over HTTPS is out of reach', ['tcp', ...at(DNS_OVER_HTTPS, '443', '853')], [...DNS_OVER_HTTPS_NAMES, ...DNS_OVER_HTTPS].flatMap((host) => throughProxy([host]))),
  asking('network', [55], 'no ICMP leaves', 'icmp', '1.1.1.1', '172.17.0.1', '2606:4700:4700::1111'),
  reaching([56], 'TCP that ignores every proxy goes nowhere', ['tcp', ...at(ANYWHERE, '80', '443', '22')], [...throughProxy(ANYWHERE), byName('nobody.invalid', 22), byName('nobody.invalid', 5432)]),
  reaching([57], 'IPv6 goes nowhere', ['tcp', ...at(ANYWHERE_6, '80', '443')], throughProxy(ANYWHERE_6)),
  { rows: [58], group: 'network', title: 'what was dialled, SNI, Host and CONNECT have to agree', needsWayOut: true, run: (place) => refusedOnTheWayOut(place, disagreeing(place.wayOut)) },
  { rows: [59], group: 'network', title: 'a name in other clothes is nobody', needsWayOut: true, run: (place) => refusedOnTheWayOut(place, dressedUp(place.wayOut)) },
];

/** A question to the probe program, and the same on the way out. */
function reaching(rows: Check['rows'], title: string, [probe, ...operands]: readonly [string, ...string[]], tries: readonly Try[]): Check {
  return { rows, group: 'network', title, run: (place) => nowhere(place, place.ask(probe, operands), tries) };
}

/** On a connection to a destination that is open, everything that speaks of another. None of it gets as far as a look at the name. */
function disagreeing({ host, port } = NOWHERE): Try[] {
  const others = [OTHER, `${host}:${port === 1 ? 2 : 1}`, `${host}@${OTHER}`, '127.0.0.1', `${host}:${port}/${OTHER}`];
  const lines = [`GET http://${OTHER}/ HTTP/1.1`, `CONNECT ${OTHER}:443 HTTP/1.1`, 'TRACE / HTTP/1.1'];
  const authority = `${host}:${port}`;
  return [
    ...others.flatMap((other) => [absolute(authority, other), byName(host, port, `GET / HTTP/1.1\r\nhost: ${other}\r\nconnection: close\r\n\r\n`)]),
    ...lines.map((line) => byName(host, port, `${line}\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`)),
    { ...byName(host, port, `GET / HTTP/1.1\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`), name: `SNI ${OTHER} at ${authority}`, servername: OTHER },
  ];
}

function dressedUp({ host } = NOWHERE): Try[] {
  const names = [`${host}\0.${OTHER}`, `user@${host}`, `${host}..`, `${host}%2e${OTHER}`, `${host}\\@${OTHER}`, 'xn--a.test', `\u00ad${host}`, `${host}#${OTHER}`, `${host}?.${OTHER}`, `\u00ef\u00bc\u00b5${host}`];
  return names.flatMap((name) => [absolute(name, host), tunnelled(`${name}:80`), socks(name)]);
}

/** The neighbour listens on all that it has; nobody may find it. */
async function neighbour(place: ProbedPlace): Promise<Judgement> {
  if (place.neighbour === undefined) return notApplicable('it has no neighbour');
  const listening = place.start('neighbour', [NEIGHBOUR.port, NEIGHBOUR.name], {}, place.neighbour);
  const said = await listening.output[Symbol.asyncIterator]().next();
  if (said.done === true) return broken(`the neighbour did not listen: ${describeEnd(await listening.end)}`);
  try {
    const byItself = [await place.ask('tcp', at(['127.0.0.1', '::1', '0.0.0.0'], String(NEIGHBOUR.port))), await place.ask('abstract', [NEIGHBOUR.name])];
    return await nowhere(place, Promise.resolve(together(byItself)), ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'].map((host) => absolute(`${host}:${NEIGHBOUR.port}`)));
  } finally {
    listening.cancel(0);
  }
}
