/** What somebody should look at. `canary`: something came up that only a sandbox knew and nobody has a use for; `secret`: what was lent has come into a sandbox by some other way. */
export type AnomalyKind = 'canary' | 'secret' | 'denials' | 'failures';

/** It was seen, and is told: what becomes of it is for policy and for people. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly text: string;
  /** Where and what, for machines. Never a secret. */
  readonly evidence: Readonly<Record<string, string | number | boolean>>;
}

/** Where canaries are planted, and whether a session ends when one comes up. */
export interface CanaryGrant {
  readonly env: boolean;
  readonly files: boolean;
  readonly found: 'report' | 'stop';
}
