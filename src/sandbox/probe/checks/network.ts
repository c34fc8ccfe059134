import { asking, broken, notApplicable, together } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { describeEnd } from '../probed-place.ts';
import type { ProbedPlace } from '../probed-place.ts';

const METADATA = ['169.254.169.254', '169.254.170.2', '169.254.170.23', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254', 'fe80::a9fe:a9fe%2'];
/** 169.254.169.254 as libraries and kernels read it too. */
const OTHER_SPELLINGS = ['2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '0xa9.0xfe.0xa9.0xfe', '169.254.43518', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', 'fe80::1%2'];
const GATEWAYS = ['172.17.0.1', '172.18.0.1', '192.168.65.1', '192.168.65.2', '192.168.127.1', '10.0.2.2', '10.88.0.1'];
const ENGINE_NAMES = ['host.docker.internal', 'gateway.docker.internal', 'host.containers.internal', 'metadata.google.internal'];
const RESOLVERS = ['127.0.0.11', '8.8.8.8', '1.1.1.1', '9.9.9.9', '2606:4700:4700::1111'];
const DNS_OVER_HTTPS = ['1.1.1.1', '8.8.8.8', '9.9.9.9', '2606:4700:4700::1111', '2001:4860:4860::8888'];
const ANYWHERE = ['93.184.215.14', '1.1.1.1', '140.82.112.3'];
const ANYWHERE_6 = ['2606:4700:4700::1111', '2001:db8::1', 'ff02::1%2', 'fe80::1%2'];
const SMUGGLED = 'c2VjcmV0LXRoYXQtc2hhbGwtbm90LWxlYXZlLXRoZS1zYW5kYm94LWF0LWFsbA.dGhlLXJlc3Qtb2YtaXQ.example.com';
const NEIGHBOUR = { port: 47_389, name: 'glovebox-neighbour' } as const;

const at = (hosts: readonly string[], ...ports: readonly string[]): string[] => hosts.flatMap((host) => ports.flatMap((port) => [host, port]));

/** For as long as a sandbox has no network at all: nothing goes out, whatever would come back. */
export const NETWORK: readonly Check[] = [
  asking('network', [47], 'no metadata service is within reach', 'tcp', ...at(METADATA, '80')),
  asking('network', [48], 'nor by another spelling of its address', 'tcp', ...at(OTHER_SPELLINGS, '80')),
  asking('network', [49], 'there is no way to the host', 'tcp', ...at(GATEWAYS, '22', '80')),
  asking('network', [49], 'there is no interface but loopback, and no route', 'interfaces'),
  asking('network', [50], 'the host has no name', 'host-names', ...ENGINE_NAMES),
  { rows: [51], group: 'network', title: 'a sandbox beside it is out of reach', run: neighbour },
  asking('network', [52], 'nobody answers on UDP 53, and nothing goes there', 'dns', 'example.com', ...RESOLVERS),
  asking('network', [52], 'no resolver or domain of the host is named', 'resolvers'),
  asking('network', [53], 'no data leaves in the labels of a name', 'dns', SMUGGLED, ...RESOLVERS),
  asking('network', [54], 'DNS over HTTPS is out of reach', 'tcp', ...at(DNS_OVER_HTTPS, '443', '853')),
  asking('network', [55], 'no ICMP leaves', 'icmp', '1.1.1.1', '172.17.0.1', '2606:4700:4700::1111'),
  asking('network', [56], 'TCP that ignores every proxy goes nowhere', 'tcp', ...at(ANYWHERE, '80', '443', '22')),
  asking('network', [57], 'IPv6 goes nowhere', 'tcp', ...at(ANYWHERE_6, '80', '443')),
];

/** The neighbour listens on all that it has; nobody may find it. */
async function neighbour(place: ProbedPlace): Promise<Judgement> {
  if (place.neighbour === undefined) return notApplicable('it has no neighbour');
  const listening = place.start('neighbour', [NEIGHBOUR.port, NEIGHBOUR.name], {}, place.neighbour);
  const said = await listening.output[Symbol.asyncIterator]().next();
  if (said.done === true) return broken(`the neighbour did not listen: ${describeEnd(await listening.end)}`);
  try {
    return together([await place.ask('tcp', at(['127.0.0.1', '::1', '0.0.0.0'], String(NEIGHBOUR.port))), await place.ask('abstract', [NEIGHBOUR.name])]);
  } finally {
    listening.cancel(0);
  }
}
