import type { EgressRefusalCode } from '../../contracts/index.ts';

const STATUS = {
  denied: 403,
  host_invalid: 403,
  request_invalid: 400,
  hosts_disagree: 421,
  address_forbidden: 403,
  limit: 429,
  handshake_failed: 400,
  credential_misplaced: 403,
  credential_unavailable: 503,
  canary: 403,
} as const satisfies Record<EgressRefusalCode | 'denied', number>;

/** No, by policy (`denied`: the decision is in the journal) or by egress itself: the program is told, and the journal. The text is for the program: nothing of the host is in it. */
export class EgressRefusal extends Error {
  readonly code: EgressRefusalCode | 'denied';
  readonly status: number;
  /** Where the one was planted that came up. */
  readonly canary: string | undefined;

  constructor(code: EgressRefusalCode | 'denied', text: string, canary?: string) {
    super(text);
    this.name = 'EgressRefusal';
    this.code = code;
    this.status = STATUS[code];
    this.canary = canary;
  }
}

/** What went wrong on the other side, where all was allowed. */
export type UpstreamFailureCode = 'name_not_found' | 'connect_failed' | 'connect_timeout' | 'certificate_invalid' | 'circuit_open' | 'no_answer' | 'answer_broken' | 'answer_cut' | 'answer_encoded' | 'answer_timeout';

const FAILURES = {
  name_not_found: { status: 502, text: 'its name could not be resolved' },
  connect_failed: { status: 502, text: 'it could not be connected to' },
  connect_timeout: { status: 504, text: 'it did not take the connection in time' },
  certificate_invalid: { status: 502, text: 'its certificate is not one that we trust for this name' },
  circuit_open: { status: 503, text: 'it failed several times in a row, and is left alone for a while' },
  no_answer: { status: 502, text: 'it closed the connection without an answer' },
  answer_broken: { status: 502, text: 'what it answered is not HTTP/1.1' },
  answer_cut: { status: 502, text: 'it closed the connection in the middle of its answer' },
  answer_encoded: { status: 502, text: 'its answer is compressed, and cannot be looked through for credentials' },
  answer_timeout: { status: 504, text: 'it did not answer in time' },
} as const satisfies Record<UpstreamFailureCode, { status: number; text: string }>;

/** The text says no more than which of these it was: what the other side or our own network say of it is not the program's to know. */
export class UpstreamFailure extends Error {
  readonly code: UpstreamFailureCode;
  readonly status: number;

  constructor(code: UpstreamFailureCode, host: string, cause?: unknown) {
    super(`${host}: ${FAILURES[code].text}`, { cause });
    this.name = 'UpstreamFailure';
    this.code = code;
    this.status = FAILURES[code].status;
  }
}
