import * as fc from 'fast-check';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type AddressClass, classifyAddress } from '../../../src/broker/egress/addresses.ts';
import { canonicalName, readAbsoluteTarget, readAuthority } from '../../../src/broker/egress/names.ts';
import { EgressRefusal } from '../../../src/broker/egress/refusal.ts';
import { canonicalHost, isAddress } from '../../../src/policy/canonical-host.ts';

describe('a name', () => {
  test.each([
    ['Example.TEST', 'example.test'],
    ['example.test.', 'example.test'],
    ['bücher.test', 'xn--bcher-kva.test'],
    ['ＥＸＡＭＰＬＥ.test', 'example.test'],
    ['_dmarc.example.test', '_dmarc.example.test'],
    ['localhost', 'localhost'],
  ])('%j is %j', (text, name) => {
    expect(canonicalName(text)).toBe(name);
  });

  test.each([
    '', '.', 'a..test', 'a.test..', '-a.test', 'a b.test', 'a\u0000.test', 'a.test\u0000', '%61.test', 'a%2etest', 'user@a.test', 'a.test:80', 'a/b', 'a\\b', 'a#b', 'a?b', `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(130)}test`, '\ud800.test', 'a\t.test', 'xn--a.test', 'a／b.test', 'a？b', 'a＃b', 'a＠b', 'a：80', 'a℀b.test', 'a＼b',
  ])('%j is none', (text) => {
    expect(() => canonicalName(text)).toThrow(EgressRefusal);
  });

  // Row 48: whatever form a resolver would take for an address.
  test.each([
    '127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.0.0.1', '0x7f.1', '0177.0.0.1', '017700000001', '169.254.169.254', '169.254.169.254.', '[::1]', '::1', '[::ffff:127.0.0.1]', 'fe80::1%eth0', '[fe80::1%25eth0]',
    '１２７.0.0.1', '127。0。0。1', '①②⑦.0.0.1', '0x', '0xg.0x1', '1.2.3.4.5', 'a.1', 'metadata.0x7f',
  ])('%j is an address, or nothing', (text) => {
    expect(() => canonicalName(text)).toThrow(EgressRefusal);
  });

  test('has one form, which policy takes, and which is no address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.string({ unit: 'grapheme' }), fc.ipV4(), fc.ipV6(), fc.webAuthority()), (text) => {
        let name: string;
        try {
          name = canonicalName(text);
        } catch (error) {
          expect(error).toBeInstanceOf(EgressRefusal);
          return;
        }
        expect(canonicalName(name)).toBe(name);
        expect([canonicalHost(name), isAddress(name)]).toEqual([true, false]);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('an authority is a name and a port, and nothing else', () => {
  expect(readAuthority('A.test:443')).toEqual({ host: 'a.test', port: 443 });
  expect(readAuthority('a.test', 80)).toEqual({ host: 'a.test', port: 80 });
  for (const text of ['a.test', 'a.test:', 'a.test:0', 'a.test:65536', 'a.test:+1', 'a.test:1:2', 'user@a.test:80', 'user:pass@a.test:80', '[::1]:443', '::1:443', '127.0.0.1:443', 'a.test:443/', ':443', 'a.test :443']) {
    expect(() => readAuthority(text), text).toThrow(EgressRefusal);
  }
});

test('a target for a proxy is an http address with a path', () => {
  expect(readAbsoluteTarget('http://A.test/x?y')).toEqual({ host: 'a.test', port: 80, path: '/x?y' });
  expect(readAbsoluteTarget('HTTP://a.test:8080')).toEqual({ host: 'a.test', port: 8080, path: '/' });
  expect(readAbsoluteTarget('http://a.test?q')).toEqual({ host: 'a.test', port: 80, path: '/?q' });
  for (const target of ['/x', 'a.test/x', 'https://a.test/', 'ftp://a.test/', 'http://user@a.test/', 'http://a.test@b.test/', 'http://a.test\\@b.test/', 'http:///x', 'http://a.test#b', 'http://127.0.0.1/', 'http://[::1]/', '*']) {
    expect(() => readAbsoluteTarget(target), target).toThrow(EgressRefusal);
  }
});

describe('an address', () => {
  const table: Readonly<Record<AddressClass, readonly string[]>> = {
    public: ['1.1.1.1', '93.184.216.34', '100.63.255.255', '100.128.0.0', '172.32.0.1', '2606:2800:220:1::1', '2a00:1450::1'],
    private: ['127.0.0.1', '127.255.255.255', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '::1', 'fd12:3456::1', 'fc00::1'],
    forbidden: [
      '169.254.169.254', '169.254.0.1', '168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254',
      '0.0.0.0', '0.1.2.3', '255.255.255.255', '224.0.0.1', '240.0.0.1', '198.18.0.1', '192.0.2.1', '::', 'ff02::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', '2001:db8::1', '100::1',
      '::ffff:127.0.0.1', '::ffff:1.1.1.1', '::ffff:7f00:1', '::127.0.0.1', '::1.1.1.1', '::7f00:1', '64:ff9b::7f00:1', '64:ff9b::1.1.1.1', '64:ff9b:1::7f00:1', '2002:7f00:1::', '2001::1', '::ffff:0:127.0.0.1',
      'not an address', '', '127.1', 'localhost',
    ],
  };
  for (const [kind, addresses] of Object.entries(table)) {
    test.each(addresses)(`%j is ${kind}`, (address) => {
      expect(classifyAddress(address)).toBe(kind);
    });
  }

  test('of this machine is never public', () => {
    const ours = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
    expect(ours.length).toBeGreaterThan(0);
    for (const address of ours) expect(classifyAddress(address), address).not.toBe('public');
  });
});
