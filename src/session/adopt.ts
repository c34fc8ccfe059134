import { type ErrorCode, GloveboxError, type Sandbox, type SandboxId, type Sandboxes } from '../contracts/index.ts';

/** Undefined where there is none any more that could be gone on with. */
export async function adopt(sandboxes: Sandboxes, id: SandboxId, signal: AbortSignal): Promise<Sandbox | undefined> {
  try {
    return await sandboxes.adopt(id, signal);
  } catch (error) {
    if (error instanceof GloveboxError && GONE.has(error.code)) return undefined;
    throw error;
  }
}

export const GONE: ReadonlySet<ErrorCode> = new Set(['not_found', 'sandbox_lost', 'sandbox_start_failed', 'wire_violation']);
