import { GloveboxError as ClientError } from '../../client/index.ts';
import { GloveboxError, isErrorCode } from '../../contracts/index.ts';

/** An error of the client as one of ours, so that it ends the process as it would have ended it here. */
export function ours(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error;
  return new GloveboxError(isErrorCode(error.code) ? error.code : codeOf(error.status), error.message, { cause: error, details: error.details });
}

/** Of what somebody between us and the server says. */
function codeOf(status: number): 'usage' | 'denied' | 'not_found' | 'admission_full' | 'server_unreachable' {
  if (status === 401 || status === 403) return 'denied';
  if (status === 404) return 'not_found';
  if (status === 429) return 'admission_full';
  return status >= 400 && status < 500 ? 'usage' : 'server_unreachable';
}

/** What only this machine can do. */
export function onlyHere(what: string): GloveboxError {
  return new GloveboxError('usage', `${what} only on the machine itself: leave --server and GLOVEBOX_URL away`);
}
