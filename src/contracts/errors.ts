/** How an error maps on the outside: the process's exit code and the HTTP status. */
interface Kind {
  readonly exit: 1 | 2 | 3 | 4 | 5;
  readonly status: number;
}

const usage = { exit: 2, status: 400 } as const;
const denied = { exit: 3, status: 403 } as const;
const limit = { exit: 4, status: 429 } as const;
const infrastructure = { exit: 5, status: 503 } as const;

/** Every code there is. A code is stable: clients and tests rely on it; a message is for people and may change. */
const KINDS = {
  usage,
  not_found: { exit: 2, status: 404 },
  key_reused: { exit: 2, status: 422 },
  key_in_flight: { exit: 5, status: 409 },
  /** It was begun, and whoever was at it died. */
  outcome_unknown: { exit: 5, status: 409 },
  answer_not_kept: { exit: 1, status: 409 },
  config_invalid: usage,
  policy_invalid: usage,
  policy_not_found: usage,
  repository_invalid: usage,
  repository_too_large: usage,
  model_unknown: usage,
  model_key_missing: usage,
  model_rejected: usage,
  transcript_invalid: usage,
  denied,
  /** Somebody stopped it: docs/stop.md. */
  stopped: { exit: 3, status: 423 },
  /** Who asks cannot be told: the identity provider does not answer. */
  issuer_unavailable: infrastructure,
  unauthenticated: { exit: 3, status: 401 },
  approval_refused: { exit: 3, status: 409 },
  budget_exhausted: limit,
  admission_full: limit,
  /** The service is about to end, and begins nothing more. */
  stopping: infrastructure,
  model_rate_limited: limit,
  model_unavailable: infrastructure,
  model_malformed: infrastructure,
  engine_unavailable: infrastructure,
  engine_failed: infrastructure,
  image_missing: infrastructure,
  image_unusable: infrastructure,
  image_build_failed: infrastructure,
  kind_unavailable: infrastructure,
  sandbox_start_failed: infrastructure,
  sandbox_lost: infrastructure,
  wire_violation: infrastructure,
  context_failed: { exit: 1, status: 422 },
  file_failed: { exit: 1, status: 422 },
  archive_hostile: { exit: 1, status: 422 },
  credential_unavailable: infrastructure,
  egress_failed: { exit: 1, status: 502 },
  secret_unreadable: infrastructure,
  /** It was, and its key was destroyed: docs/retention.md. */
  erased: { exit: 1, status: 410 },
  deadline: infrastructure,
  cancelled: { exit: 1, status: 499 },
  disk_full: infrastructure,
  journal_failed: infrastructure,
  journal_tampered: infrastructure,
  /** A newer glovebox wrote it, and this one would misread it: docs/runs.md. */
  newer_version: { exit: 5, status: 409 },
  fenced: { exit: 5, status: 409 },
  journal_moved: { exit: 5, status: 409 },
  patch_conflict: { exit: 1, status: 409 },
  /** Of a server that commands are sent to. */
  server_unreachable: infrastructure,
  internal: infrastructure,
} as const satisfies Record<string, Kind>;

export type ErrorCode = keyof typeof KINDS;

/** Whether a text that came from elsewhere is one of ours. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(KINDS, text);
}

/** The one error that glovebox throws on purpose: a stable code, a message that says what to do, a cause where there is one. */
export class GloveboxError extends Error {
  readonly code: ErrorCode;
  /** Facts for machines: a path, a line, a seconds-to-wait. Never a secret. */
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, string | number | boolean>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GloveboxError';
    this.code = code;
    this.details = options.details ?? {};
  }

  get exitCode(): number {
    return KINDS[this.code].exit;
  }

  get status(): number {
    return KINDS[this.code].status;
  }
}

/** What was thrown, as a sentence for a person. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
