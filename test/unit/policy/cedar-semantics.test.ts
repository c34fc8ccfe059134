import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { describe, expect, test } from 'vitest';
import { PolicySet } from '../../../src/policy/cedar/engine.ts';
import type { Facts } from '../../../src/policy/cedar/rule.ts';

/**
 * What Cedar's own integration tests hold it to, in cases of ours that say the same of our requests: the decision, which policies were its reasons, and which
 * failed. What we make of it is the same but for one thing: where any policy fails, nothing is allowed.
 */
const FACTS: Facts = {
  resource: '10.1.2.3',
  context: { scheme: 'https', host: '10.1.2.3', address: true, port: 443, method: 'GET', path: '/v1/a*b', depth: 3, fits: ['one', 'two'] },
};

interface Outcome {
  readonly decision: 'allow' | 'deny';
  /** Numbers of policies. */
  readonly reasons: readonly number[];
  readonly errors: readonly number[];
}

/** As Cedar itself answers, parsed anew, without anything of ours. */
function plainly(policies: Readonly<Record<string, string>>): Outcome {
  const answer = cedar.isAuthorized({
    principal: { type: 'Session', id: 'session' },
    action: { type: 'Action', id: 'network.connect' },
    resource: { type: 'Host', id: FACTS.resource },
    context: { ...FACTS.context, approved: false },
    policies: { staticPolicies: { ...policies } },
    entities: [],
  });
  if (answer.type !== 'success') throw new Error(answer.errors.map(({ message }) => message).join('; '));
  const { decision, diagnostics } = answer.response;
  return { decision, reasons: numbers(diagnostics.reason), errors: numbers(diagnostics.errors.map(({ policyId }) => policyId)) };
}

function expectOutcome(policies: readonly string[], outcome: Outcome): void {
  const byId = Object.fromEntries(policies.map((policy, i) => [String(i), policy]));
  expect(plainly(byId)).toEqual(outcome);
  const ours = new PolicySet('network.connect', byId).ask(FACTS, false);
  expect({ allowed: ours.allowed, ids: numbers(ours.ids), errors: numbers(ours.errors.map(({ id }) => id)) }).toEqual({
    allowed: outcome.decision === 'allow' && outcome.errors.length === 0,
    ids: outcome.reasons,
    errors: outcome.errors,
  });
}

const numbers = (ids: readonly (string | undefined)[]): readonly number[] => ids.map(Number).toSorted((a, b) => a - b);
const permit = (condition?: string): string => `permit (principal, action, resource)${condition === undefined ? '' : ` when { ${condition} }`};`;
const forbid = (condition?: string): string => `forbid (principal, action, resource)${condition === undefined ? '' : ` when { ${condition} }`};`;
const FAILS = 'context.port * 9223372036854775807 > 0';

describe('several policies', () => {
  test.each<[string, readonly string[], Outcome['decision'], readonly number[], (readonly number[])?]>([
    ['none: denied, for no reason', [], 'deny', []],
    ['one that permits', [permit()], 'allow', [0]],
    ['one that would, and does not hold', [permit('context.port == 80')], 'deny', []],
    ['two that permit: both are reasons', [permit(), permit('context.port == 443')], 'allow', [0, 1]],
    ['two, of which one holds', [permit('context.port == 80'), permit()], 'allow', [1]],
    ['one that forbids, alone', [forbid()], 'deny', [0]],
    ['one that forbids wins over all that permit, and is the only reason', [permit(), permit(), forbid()], 'deny', [2]],
    ['whatever their order', [forbid(), permit()], 'deny', [0]],
    ['one that would forbid, and does not hold', [permit(), forbid('context.port == 80')], 'allow', [0]],
    ['two that forbid: both are reasons', [permit(), forbid(), forbid()], 'deny', [1, 2]],
    ['unless holds where when does not', ['permit (principal, action, resource) unless { context.port == 80 };'], 'allow', [0]],
    ['when and unless together', ['permit (principal, action, resource) when { context.port == 443 } unless { context.method == "GET" };'], 'deny', []],
    ['one that permits and fails', [permit(FAILS)], 'deny', [], [0]],
    ['one that permits, beside one that fails: Cedar allows, we do not', [permit(FAILS), permit()], 'allow', [1], [0]],
    ['one that forbids and fails: Cedar allows, we do not', [permit(), forbid(FAILS)], 'allow', [0], [1]],
    ['one that forbids, beside one that fails', [permit(), forbid(), forbid(FAILS)], 'deny', [1], [2]],
    ['two that fail', [permit(FAILS), forbid(FAILS)], 'deny', [], [0, 1]],
    ['a fact that there is not fails', [permit('context.nothing == 1')], 'deny', [], [0]],
    ['facts of another type fail', [permit('context.port < context.host')], 'deny', [], [0]],
    ['a condition that is no truth value fails', [permit('context.port')], 'deny', [], [0]],
  ])('%s', (_, policies, decision, reasons, errors = []) => {
    expectOutcome(policies, { decision, reasons, errors });
  });
});

describe('who, what and on what', () => {
  test.each<[string, boolean]>([
    ['principal == Session::"session", action, resource', true],
    ['principal == Session::"other", action, resource', false],
    ['principal == Host::"session", action, resource', false],
    ['principal is Session, action, resource', true],
    ['principal is Host, action, resource', false],
    ['principal in Session::"session", action, resource', true],
    ['principal in Session::"other", action, resource', false],
    ['principal, action == Action::"network.connect", resource', true],
    ['principal, action == Action::"file.read", resource', false],
    ['principal, action in [Action::"file.read", Action::"network.connect"], resource', true],
    ['principal, action in [Action::"file.read"], resource', false],
    ['principal, action, resource == Host::"10.1.2.3"', true],
    ['principal, action, resource == Host::"10.1.2.30"', false],
    ['principal, action, resource is Host', true],
    ['principal, action, resource is File', false],
    ['principal, action, resource in Host::"10.1.2.3"', true],
  ])('permit (%s) is %s', (scope, holds) => {
    expectOutcome([`permit (${scope});`], holds ? { decision: 'allow', reasons: [0], errors: [] } : { decision: 'deny', reasons: [], errors: [] });
    // The same scope forbids.
    expectOutcome([permit(), `forbid (${scope});`], holds ? { decision: 'deny', reasons: [1], errors: [] } : { decision: 'allow', reasons: [0], errors: [] });
  });
});

describe('conditions', () => {
  test.each<[string, boolean | 'fails']>([
    // Patterns: a star is anything, an escaped one itself, and case counts.
    ['context.path like "/v1/*"', true],
    ['context.path like "/v1/a\\*b"', true],
    ['context.path like "/v1/a\\*"', false],
    ['context.path like "/V1/*"', false],
    ['context.path like "*"', true],
    ['context.path like "***"', true],
    ['context.path like ""', false],
    ['"" like ""', true],
    ['"" like "*"', true],
    ['context.path like "*/v1/a*b"', true],
    ['context.path like "?v1/*"', false],
    ['"a\\nb" like "a*b"', true],
    ['"a/b/c" like "a/*/c"', true],
    ['"a/b/c/d" like "a/*/d"', true],
    ['"ab" like "a*b*c"', false],
    ['"\\u{1f600}" like "*"', true],
    ['context.port like "4*"', 'fails'],
    // Addresses.
    ['ip(context.host).isInRange(ip("10.0.0.0/8"))', true],
    ['ip(context.host).isInRange(ip("10.1.2.3"))', true],
    ['ip(context.host).isInRange(ip("10.1.2.3/32"))', true],
    ['ip(context.host).isInRange(ip("10.1.3.0/24"))', false],
    ['ip(context.host).isInRange(ip("0.0.0.0/0"))', true],
    ['ip(context.host).isInRange(ip("::/0"))', false],
    ['ip("10.0.0.0/16").isInRange(ip("10.0.0.0/8"))', true],
    ['ip("10.0.0.0/8").isInRange(ip("10.0.0.0/16"))', false],
    ['ip("::ffff:10.1.2.3").isInRange(ip("10.0.0.0/8"))', 'fails'],
    ['ip("::ffff:a01:203").isInRange(ip("10.0.0.0/8"))', false],
    ['ip("::ffff:a01:203") == ip("10.1.2.3")', false],
    ['ip("127.0.0.1").isLoopback()', true],
    ['ip("127.0.0.100").isLoopback()', true],
    ['ip("::1").isLoopback()', true],
    ['ip(context.host).isLoopback()', false],
    ['ip("228.1.2.3").isMulticast()', true],
    ['ip("ff02::1").isMulticast()', true],
    ['ip(context.host).isMulticast()', false],
    ['ip(context.host).isIpv4() && !ip(context.host).isIpv6()', true],
    ['ip("2001:db8::1").isIpv6()', true],
    ['ip("2001:db8::1") == ip("2001:db8:0:0:0:0:0:1")', true],
    ['ip("10.1.2.3") == ip("10.1.2.3/32")', true],
    ['ip(context.path).isIpv4()', 'fails'],
    ['ip("010.1.2.3").isIpv4()', 'fails'],
    ['ip("10.1.2").isIpv4()', 'fails'],
    ['ip("10.1.2.3/33").isIpv4()', 'fails'],
    // Decimals have four places at most, and whole numbers 64 bits.
    ['decimal("0.8").greaterThan(decimal("0.75"))', true],
    ['decimal("0.2345").lessThan(decimal("0.75"))', true],
    ['decimal("0.75").lessThanOrEqual(decimal("0.7500"))', true],
    ['decimal("0.75") == decimal("0.7500")', true],
    ['decimal("-1.0").greaterThanOrEqual(decimal("0.0"))', false],
    ['decimal("0.12345") == decimal("0.1234")', 'fails'],
    ['decimal("1") == decimal("1.0")', 'fails'],
    ['decimal("922337203685477.5808") == decimal("0.0")', 'fails'],
    ['decimal("0.1").lessThan(context.port)', 'fails'],
    ['9223372036854775807 > context.port', true],
    ['9223372036854775807 + context.port > 0', 'fails'],
    ['-9223372036854775807 - context.port < 0', 'fails'],
    ['-context.port < 0', true],
    ['context.port - 443 == 0', true],
    ['context.port * 2 == 886', true],
    // Sets, records, and what is not looked at.
    ['context.fits.contains("one")', true],
    ['context.fits.contains(1)', false],
    ['context.fits.containsAll(["one", "two"])', true],
    ['context.fits.containsAll(["one", "three"])', false],
    ['context.fits.containsAll([])', true],
    ['context.fits.containsAny(["three", "two"])', true],
    ['context.fits.containsAny([])', false],
    ['context.fits.isEmpty()', false],
    ['context.fits == ["two", "one", "one"]', true],
    ['["one"].contains(context.host)', false],
    ['context.host.contains("1")', 'fails'],
    ['context has method', true],
    ['context has nothing', false],
    ['context has nothing && context.nothing == 1', false],
    ['context.address || context.nothing == 1', true],
    ['context.nothing == 1 || context.address', 'fails'],
    ['!context.address && context.nothing == 1', false],
    ['if context.address then true else context.nothing', true],
    ['if context.port == 80 then context.nothing else false', false],
    ['if context.port then true else true', 'fails'],
    // Equality asks for no type; order does.
    ['context.host == context.port', false],
    ['context.host != context.port', true],
    ['"443" == 443', false],
    ['context.host < "a"', 'fails'],
    ['principal == resource', false],
    ['principal in [Session::"a", Session::"session"]', true],
    ['resource in Host::"10.1.2.4"', false],
    ['principal has name', false],
    ['principal.name == "session"', 'fails'],
    ['principal is Session', true],
    ['context.approved', false],
  ])('%s is %s', (condition, holds) => {
    const errors = holds === 'fails' ? [0] : [];
    expectOutcome([permit(condition)], holds === true ? { decision: 'allow', reasons: [0], errors } : { decision: 'deny', reasons: [], errors });
    expectOutcome([forbid(condition), permit()], holds === true ? { decision: 'deny', reasons: [0], errors } : { decision: 'allow', reasons: [1], errors });
  });
});
