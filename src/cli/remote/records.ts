import type { Approval as RemoteApproval, Glovebox } from '../../client/index.ts';
import { type Approval, type Approvals, type Audit, GloveboxError } from '../../contracts/index.ts';
import type { Secrets, Services } from '../services.ts';
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

export function remoteAudit({ audit }: Glovebox, openServices: () => Promise<Services>): Audit {
  return {
    checkpoint: async () => (await audit.checkpoint()).checkpoint,
    verifierKey: () => audit.key(),
    verify: async ({ journal, keys = [], checkpoints = [] } = {}) => {
      if (journal !== undefined) throw onlyHere('--journal: a file is read');
      return audit.verify({ keys: [...keys], checkpoints: [...checkpoints] });
    },
    // What was exported proves itself here; of the server's it needs the key, where none is given.
    verifyExport: async (lines, { keys = [], checkpoints = [] }) => {
      await using services = await openServices();
      return await services.audit.verifyExport(lines, { keys: keys.length > 0 ? keys : [await audit.key()], checkpoints });
    },
    export: ({ format, streams, sinceMs, checkpoints = [] } = {}) => {
      if (checkpoints.length > 0) throw new GloveboxError('usage', '--checkpoint: a server shows nothing of checkpoints in an export; `glovebox audit verify --checkpoint` does');
      return audit.export({ ...(format === undefined ? {} : { format }), ...(sinceMs === undefined ? {} : { sinceMs }), ...(streams === undefined ? {} : { runs: streams }) });
    },
  };
}
