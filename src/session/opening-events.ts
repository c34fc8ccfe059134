import type { NewEvent, Sandbox, SandboxKind } from '../contracts/index.ts';
import type { SessionOptions } from './session-options.ts';

/** What sandboxes of a session are to be: what was asked for, else what the policy says. */
export function wantedIn({ image, kinds, policy }: SessionOptions): { readonly image: string; readonly kinds: readonly SandboxKind[] } {
  return { image: image ?? policy.grant.image, kinds: kinds ?? policy.grant.kinds };
}

export function openedEvent({ principal, policy, run, served }: SessionOptions): NewEvent {
  const { name, tenant, roles } = principal;
  return {
    type: 'session.opened',
    data: { principal: name, tenant, roles, policy: policy.name, policyHash: policy.hash, ...(run === undefined ? {} : { run }), ...(policy.mode === 'enforce' ? {} : { mode: policy.mode }), ...(served === undefined ? {} : { served }) },
  };
}

export function createdEvent({ id, kind, image, digests, limitsAre, workspaceIs }: Sandbox, purpose: string): NewEvent {
  return { type: 'sandbox.created', data: { sandbox: id, kind, image, ...(digests === undefined ? {} : { digests }), limitsAre, workspaceIs, purpose } };
}
