import { z } from 'zod';

/** What a key seals: payloads of events, the content of blobs, or nothing but the names of blobs. */
const KEY_USES = ['events', 'blobs', 'names'] as const;
export type KeyUse = (typeof KEY_USES)[number];

/** Whose key it is, for what, and for which month (`2026-11`); `all` where it is for every month. */
export interface KeyScope {
  readonly tenant: string;
  readonly use: KeyUse;
  readonly month: string;
}

/** `<tenant>/<use>/<month>/<generation>`: there is another generation where one was retired within its month. */
export function keyId({ tenant, use, month }: KeyScope, generation: number): string {
  return `${tenant}/${use}/${month}/${generation}`;
}

const idShape = /^(?<tenant>\w[\w.:@-]{0,127})\/(?<use>events|blobs|names)\/(?<month>\d{4,6}-\d\d|all)\/(?<generation>[1-9]\d{0,8})$/;

/** Undefined for what is no key's id. */
export function readKeyId(id: string): (KeyScope & { readonly generation: number }) | undefined {
  const { tenant, use, month, generation } = idShape.exec(id)?.groups ?? {};
  const known = KEY_USES.find((one) => one === use);
  if (tenant === undefined || known === undefined || month === undefined) return undefined;
  return { tenant, use: known, month, generation: Number(generation) };
}

export const keyRecord = z.discriminatedUnion('state', [
  /** Seals and opens. */
  z.strictObject({ state: z.literal('live'), envelope: z.string() }),
  /** Opens what it has sealed, and seals nothing more: it is about to be destroyed. */
  z.strictObject({ state: z.literal('retired'), envelope: z.string() }),
  z.strictObject({ state: z.literal('destroyed'), atMs: z.int() }),
]);
export type KeyRecord = z.output<typeof keyRecord>;

/**
 * Where payload keys are kept, each under the operator's master key: never where what they seal is kept, or a copy of that would bring back what was erased.
 * Errors of all: `journal_failed`.
 */
export interface KeyStore extends AsyncDisposable {
  /** A folder, or a database without its password. */
  readonly place: string;
  get(id: string): Promise<KeyRecord | undefined>;
  /** Gives the one that is there: this, unless another process came first. */
  add(id: string, record: KeyRecord): Promise<KeyRecord>;
  /** Only where it still is `before`, and tells whether it was. Durable when it resolves. */
  replace(id: string, record: KeyRecord, before: KeyRecord): Promise<boolean>;
  /** Of what was replaced nothing can be read any more. */
  forget(): Promise<void>;
  /** Of one tenant, or of all. */
  list(tenant?: string): Promise<readonly { readonly id: string; readonly record: KeyRecord }[]>;
}
