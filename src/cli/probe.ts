import { GloveboxError, type SandboxKind } from '../contracts/index.ts';
import { openWayOut } from './probe-way-out.ts';
import type { Services } from './services.ts';
import { sessionImage } from './session-image.ts';
import type { Terminal } from './terminal.ts';

export interface ProbeOptions {
  readonly policy: string;
  readonly image?: string;
  readonly kind?: SandboxKind;
  readonly json?: boolean;
}

/** A sandbox that nobody hears of ends itself. */
const GRACE_MS = 30_000;

/** `glovebox probe`: whether the sandbox that a policy gives withstands what sandboxes must. 1 where anything is broken. */
export async function probe(services: Services, terminal: Terminal, options: ProbeOptions, signal: AbortSignal): Promise<number> {
  const policy = await services.policies.load(options.policy);
  const kinds = options.kind === undefined ? policy.grant.kinds : [options.kind];
  const { image, imageReference, env } = await sessionImage(services, terminal, { asked: options.image, policy, kinds }, signal);
  const { effect, reason } = policy.decide({ action: 'session.open', kinds, image, limits: policy.grant.sandbox });
  if (effect !== 'allow') throw new GloveboxError('denied', `${policy.name} gives no such sandbox: ${reason.rule}: ${reason.text}`);
  const spec = { image: imageReference ?? image, limits: policy.grant.sandbox, graceMs: GRACE_MS, ...(env === undefined ? {} : { env }) };
  await using wayOut = await openWayOut(services.sessionPorts().broker, policy, signal);
  const report = await services.prober.probe(kinds, spec, {
    wayOut,
    hardLimits: policy.grant.hardLimits,
    signal,
    onFinding: ({ check, verdict }) => terminal.note(`${verdict.padEnd(14)}  ${check.title}`, verdict === 'broken' ? 'red' : 'dim'),
  });
  const { kind, limitsAre, findings } = report;
  const broken = findings.some(({ verdict }) => verdict === 'broken');
  if (options.json === true) {
    await terminal.json({
      policy: policy.name,
      policyHash: policy.hash,
      kind,
      image: report.image,
      limitsAre,
      findings: findings.map(({ check: { rows, group, title }, verdict, evidence, tookMs }) => ({ rows, group, title, verdict, evidence, tookMs })),
    });
  } else await terminal.data(`${report.scorecard}\n`);
  return broken ? 1 : 0;
}
