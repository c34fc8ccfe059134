import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { CredentialDetector, KnownSecrets, Redaction } from '../../../src/broker/index.ts';
import { formsOf } from '../../../src/broker/credentials/secret-forms.ts';

const SECRET = 'ghp_9aTqZrLmNpQwErTyUiOpAsDfGhJkLzXcVbN1';
const detector = new CredentialDetector();
afterAll(() => detector[Symbol.asyncDispose]());

function redaction(...secrets: readonly string[]): Redaction {
  const known = new KnownSecrets();
  for (const secret of secrets) known.add('github', secret);
  return new Redaction(known, detector);
}

describe('a secret that is known', () => {
  const { known } = { known: <T>(value: T): T => redaction(SECRET, 'pa"ss w/ö\\rd+').known(value) };

  test.each(['raw', 'url', 'base64', 'hex'] as const)('is masked in %s', (form) => {
    const text = { raw: SECRET, url: encodeURIComponent('pa"ss w/ö\\rd+'), base64: Buffer.from(`x-access-token:${SECRET}`).toString('base64'), hex: Buffer.from(SECRET).toString('hex') }[form];
    expect(known(`before ${text} after`)).toMatch(/^before .*\[secret:github\].* after$/);
    expect(known(`before ${text} after`)).not.toContain(text.slice(-16, -2));
  });

  test('is masked in the texts of a value, in names, and as JSON within JSON; the rest is not copied', () => {
    const rest = { argv: ['ls', '-l'], n: 1, none: null };
    const clean = known({ [SECRET]: [`a ${SECRET} b`], inner: JSON.stringify({ body: 'pa"ss w/ö\\rd+' }), rest });
    expect(clean).toEqual({ '[secret:github]': ['a [secret:github] b'], inner: '{"body":"[secret:github]"}', rest });
    expect(clean.rest).toBe(rest);
    expect(known(rest)).toBe(rest);
  });

  test('is masked whatever stands beside it, in each of its forms, and what is masked stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, unit: 'binary' }).filter((text) => !'[secret:github]'.includes(text)), fc.string(), fc.string(), (secret, before, after) => {
        const one = redaction(secret);
        for (const { sought } of formsOf(secret, '')) {
          const clean = one.known(before + sought.toString() + after);
          expect(clean).not.toContain(sought.toString());
          expect(one.known(clean)).toBe(clean);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('is seen in bytes as they come, wherever they are cut, by its name; what is short is chance', () => {
    const known = new KnownSecrets();
    known.add('short', 'abc1');
    known.add('github', 'ghp_9aTqZrLmNpQwErTyUiOp');
    const look = known.sight();
    const bytes = Buffer.from('xx abc1 ghp_9aTqZrLmNpQwErTyUiOp yy');
    const seen = Array.from(bytes, (byte) => look(Buffer.from([byte]))).filter((one) => one !== undefined);
    expect(seen).toContain('github');
    expect(seen).not.toContain('short');
    expect(known.sight()(bytes)).toBe('github');
    expect(known.sight()(Buffer.from('ghp_9aTqZrLmNpQwErTyUiO'))).toBeUndefined();
  });

  test('is remembered among a thousand others, and the oldest is forgotten then', () => {
    const secrets = Array.from({ length: 1025 }, (_, i) => `token-number-${i}-of-many`);
    const one = redaction(...secrets);
    expect(one.known(`${secrets[0]} ${secrets[1]} ${secrets[1024]}`)).toBe(`${secrets[0]} [secret:github] [secret:github]`);
  });
});

/** Something of every rule; made up here, and none of them ever valid. */
const a = (n: number): string => 'aB3dE5gH7jK9mN1pQ3sT5vW7yZ'.repeat(8).slice(0, n);
const SAMPLES: Readonly<Record<string, string>> = {
  aws: `AWS_SECRET_ACCESS_KEY=${a(40)}`,
  gcp: JSON.stringify({ private_key_id: '1', private_key: `-----BEGIN PRIVATE KEY-----\nMII${a(120)}\n-----END PRIVATE KEY-----\n` }),
  npm: `npm_${a(36)}`,
  slack: `xoxb-${a(12)}-${a(12)}`,
  basicauth: `https://alice:${a(12)}@forge.dev/x`,
  openai: `sk-proj-${a(74)}T3BlbkFJ${a(74)}`,
  anthropic: `sk-ant-api03-${a(93)}AA`,
  groq: `gsk_${a(52)}`,
  huggingface: `hf_${'abcdefgHIJ'.repeat(4).slice(0, 34)}`,
  privatekey: `-----BEGIN EC PRIVATE KEY-----\nMHcC${a(120)}\n-----END EC PRIVATE KEY-----`,
  linear: `lin_api_${a(40)}`,
  notion: `ntn_12345678901${a(35)}`,
  sendgrid: `SG.${a(22)}.${a(43)}`,
  shopify: `shpat_${a(32)}`,
  stripe: `sk_live_${a(24)}`,
  github: SECRET,
  gitlab: `glpat-${a(20)}`,
  grafana: `glsa_${a(32)}_0a1b2c3d`,
  '1password': `ops_${Buffer.from(JSON.stringify({ email: 'x@1passwordserviceaccounts.com', muk: { alg: 'A256GCM', k: a(43) }, secretKey: 'A3-C4ZJMN-PQTZTL-HGL84-G64M7-KVZRN-4ZVP6', srpX: a(64), signInAddress: 'example.1password.com', userAuth: { method: 'SRPg-4096' } })).toString('base64')}`,
  'database-connection-string': `postgres://alice:${a(14)}@db.prod.internal.io:5432/app`,
  'hashicorp-vault': `hvs.${a(95)}`,
  vercel: `vcp_${a(24)}`,
  databricks: `dapi${'0123456789abcdef'.repeat(2)}`,
  docker: `dckr_pat_${a(27)}`,
  figma: `figd_${a(40)}`,
  cloudflare: `cfut_${a(40)}0a1b2c3d`,
  tailscale: `tskey-auth-${a(12)}-${a(32)}`,
};

describe('what looks like a credential', () => {
  const all = <T>(value: T): T | Promise<T> => redaction(SECRET).all(value);
  const rules = creator.rules.map(({ meta }) => meta.id.replace('@secretlint/secretlint-rule-', '')).filter((rule) => rule !== 'filter-comments');

  test.each(rules)('by the rule %s is masked, with what stands around it as it was', async (rule) => {
    const sample = SAMPLES[rule] ?? '';
    const text = `it is ${sample} # secretlint-disable-line`;
    const masked = await redaction().all(text);
    expect(masked).toMatch(/^it is \S*\[secret:[a-z0-9-]+\]\S* # secretlint-disable-line$/);
    expect(masked).not.toContain(sample.slice(sample.length / 2, sample.length / 2 + 6));
    expect(await redaction().all(masked)).toBe(masked);
  });

  test('is called by its name where that is known', async () => {
    expect(await all({ text: `${SECRET} and glpat-${a(20)}` })).toEqual({ text: '[secret:github] and [secret:gitlab-personal-access-token]' });
  });

  test('is not looked for where nothing of it is there: the answer is at once, and the value is what it was', () => {
    const event = { type: 'command.started', data: { argv: ['git', 'log', '--oneline', 'sha256:9f86d081884c7d659a2feaa0c55ad015'], cwd: '/workspace', n: 3 } };
    expect(all(event)).toBe(event);
  });

  test('is withheld where it could not be looked at in time, and the next text is looked at again', async () => {
    await using hasty = new CredentialDetector({ deadlineMs: 0 });
    const doubtful = `sk-${'x'.repeat(40)}`;
    expect((await hasty.mask([doubtful])).get(doubtful)).toBe('[withheld: 43 characters could not be looked through for secrets]');
    expect((await detector.mask([doubtful])).get(doubtful)).toBe(doubtful);
    const endless = 'x'.repeat(4 * 2 ** 20 + 1);
    expect((await detector.mask([endless])).get(endless)).toMatch(/^\[withheld: /);
  });
});
