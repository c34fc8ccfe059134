import type { Approval as RemoteApproval, Glovebox } from '../../client/index.ts';
import { type Approval, type Approvals, type Audit, GloveboxError } from '../../contracts/index.ts';
import type { Secrets } from '../services.ts';
import { onlyHere } from './errors.ts';

/** Who asks is said by the key. */
export function remoteApprovals({ approvals }: Glovebox): Approvals {
  return {
    list: async (_as, { all = false } = {}) => (await Array.fromAsync(approvals.list({ all }))).map(approvalOf),
    get: async (id) => approvalOf(await approvals.get(id)),
    answer: async (id, { answer, requestHash, why }) => approvalOf(await approvals.answer({ id, question: { requestHash } as RemoteApproval['question'] }, answer, why === undefined ? {} : { why })),
  };
}

/** It is the same on both sides of the wire. */
export function approvalOf(approval: RemoteApproval): Approval {
  return approval as unknown as Approval;
}

export function remoteSecrets({ secrets }: Glovebox): Secrets {
  return { set: (name, value) => secrets.set(name, value), list: () => Array.fromAsync(secrets.list()), remove: (name) => secrets.remove(name) };
}

export function remoteAudit({ audit }: Glovebox): Audit {
  let key: string | undefined;
  const checkpoint = async (): Promise<string> => {
    const signed = await audit.checkpoint();
    ({ key } = signed);
    return signed.checkpoint;
  };
  return {
    checkpoint,
    verifierKey: async () => {
      if (key === undefined) await checkpoint();
      return key ?? '';
    },
    verify: async ({ journal, keys = [], checkpoints = [] } = {}) => {
      if (journal !== undefined) throw onlyHere('--journal: a file is read');
      return audit.verify({ keys: [...keys], checkpoints: [...checkpoints] });
    },
    verifyExport: () => Promise.reject(onlyHere('--export: a file is read')),
    export: ({ format, streams, sinceMs, checkpoints = [] } = {}) => {
      if (streams !== undefined || checkpoints.length > 0) throw new GloveboxError('usage', '--run and --checkpoint: a server exports all of a tenant');
      return audit.export({ ...(format === undefined ? {} : { format }), ...(sinceMs === undefined ? {} : { sinceMs }) });
    },
  };
}
