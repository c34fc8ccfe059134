// The certificate library takes its parts from a container that needs this, before it is loaded.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../contracts/index.ts';

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;
/** Longer than any session lives; clocks in sandboxes are the host's. */
const LIFE_MS = 30 * 24 * HOUR_MS;
/** A program that dials names without end gets no more of our memory than this. */
const LEAVES = 512;

/** The certificate authority of one session. Its keys never leave the memory of this process, and go with it. */
export class SessionAuthority {
  /** PEM. */
  readonly certificate: string;
  readonly #clock: Clock;
  readonly #authority: X509Certificate;
  readonly #authorityKey: webcrypto.CryptoKey;
  /** One pair for all leaves: what tells them apart are their names. */
  readonly #leafKeys: webcrypto.CryptoKeyPair;
  readonly #leafKeyPem: string;
  readonly #leaves = new LRUCache<string, Promise<SecureContext>>({ max: LEAVES });

  static async create(clock: Clock): Promise<SessionAuthority> {
    const [keys, leafKeys] = await Promise.all([newKeys(), newKeys()]);
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey)).toString('base64');
    const authority = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=glovebox session ${randomBytes(4).toString('hex')}`,
      ...validity(clock),
      signingAlgorithm: KEY,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new SessionAuthority(clock, authority, keys.privateKey, leafKeys, `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`);
  }

  private constructor(clock: Clock, authority: X509Certificate, authorityKey: webcrypto.CryptoKey, leafKeys: webcrypto.CryptoKeyPair, leafKeyPem: string) {
    this.certificate = `${authority.toString('pem')}\n`;
    this.#clock = clock;
    this.#authority = authority;
    this.#authorityKey = authorityKey;
    this.#leafKeys = leafKeys;
    this.#leafKeyPem = leafKeyPem;
  }

  /** What a server of this name shows. `host` is canonical. */
  contextFor(host: string): Promise<SecureContext> {
    const known = this.#leaves.get(host);
    if (known !== undefined) return known;
    const context = this.#makeContext(host);
    this.#leaves.set(host, context);
    return context;
  }

  async #makeContext(host: string): Promise<SecureContext> {
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serial(),
      // A common name has room for 64 bytes; nobody reads it where there are alternative names.
      subject: 'CN=glovebox',
      issuer: this.#authority.subject,
      ...validity(this.#clock),
      signingAlgorithm: KEY,
      publicKey: this.#leafKeys.publicKey,
      signingKey: this.#authorityKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([{ type: 'dns', value: host }], false),
        await AuthorityKeyIdentifierExtension.create(this.#authority),
        await SubjectKeyIdentifierExtension.create(this.#leafKeys.publicKey),
      ],
    });
    return createSecureContext({ key: this.#leafKeyPem, cert: leaf.toString('pem'), minVersion: 'TLSv1.2' });
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
}

function validity(clock: Clock): { notBefore: Date; notAfter: Date } {
  const now = clock.now();
  return { notBefore: new Date(now - HOUR_MS), notAfter: new Date(now + LIFE_MS) };
}

/** Positive, and never twice. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f | 0x40;
  return bytes.toString('hex');
}
