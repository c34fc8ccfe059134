/** What those who run this installation and use its API did to it, and how people were told of what needs them. docs/operations.md */
export interface OperationEvents {
  /** Of an API key only a hash is kept. */
  'api_key.created': { key: string; name: string; tenant: string; roles: readonly string[]; hash: string; by: string; expiresMs?: number };
  'api_key.revoked': { key: string; by: string };
  /** A write that a client asked for with an idempotency key; hashes are keyed with it, so that nobody can guess what was asked. `owner` is the process that is at it. */
  'request.begun': { headHash: string; method: string; route: string; by: string; owner: string };
  /** Without text and answer it is told once. `answer` is a blob that no other event names; `blob` is what older versions had, and was the text alone. */
  'request.answered': { status: number; bodyHash: string; contentType?: string; location?: string; text?: string; answer?: string; blob?: string };
  'request.released': { status: number };
  /** Never a value. */
  'secret.set': { name: string; by: string; tenant: string };
  'secret.removed': { name: string; by: string; tenant: string };
  /** From now on what is kept is sealed under `to`; keys by their ids, which say nothing else of them. */
  'master_key.change_begun': { to: string; from: readonly string[]; by: string; tenant: string };
  /** All that is kept is: nothing is under another one. */
  'master_key.changed': { to: string; from: readonly string[]; envelopes: number; by: string; tenant: string };
  /** What stands in a file of the operator's is not what stood there when a service began before: `hash` is `sha256:…` of its content, absent where there is none any more. */
  'config.changed': { file: string; hash?: string; by: string };
  /** While a service ran; `refused` where what stood there was no policy, and the one before stays. */
  'policy.changed': { policy: string; hash: string; refused?: string };
  /** `owner` tells people of it until then; `notice` is `<stream>#<seq>` of what there is to tell, in one channel. */
  'notification.claimed': { notice: string; channel: string; owner: string; untilMs: number };
  'notification.sent': { notice: string; channel: string; attempts: number };
  /** `final`: it is not tried again. */
  'notification.failed': { notice: string; channel: string; attempts: number; why: string; final: boolean };
}
