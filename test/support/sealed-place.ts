import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authority, BlobStore, Clock, Envelopes, Journal, Principal } from '../../src/contracts/index.ts';
import { FolderBlobs, JournalTenants, SqliteJournal } from '../../src/journal/index.ts';
import { BlobFolder } from '../../src/journal/blob-folder.ts';
import { KeyFolder } from '../../src/journal/seal/key-folder.ts';
import type { KeyStore } from '../../src/journal/seal/key-store.ts';
import { PayloadKeys } from '../../src/journal/seal/payload-keys.ts';
import { ANSWERS_FOLDER, SealedBlobs } from '../../src/journal/seal/sealed-blobs.ts';
import { SealedJournal } from '../../src/journal/seal/sealed-journal.ts';
import type { Retention } from '../../src/journal/tenancy/retention-file.ts';
import { RegistryCaches } from '../../src/broker/index.ts';
import { TestEnvelopes } from './envelopes.ts';

/** A key that was looked at is looked at again after so long, so that nobody waits for it in tests. */
const TRUST_MS = 20;
export const OPERATOR: Principal = { tenant: 'local', name: 'user:op', roles: ['administrator'] };
const ANYBODY: Authority = { principal: () => OPERATOR, holding: () => OPERATOR, may: () => true };

export interface OpenedPlace extends AsyncDisposable {
  readonly journal: Journal;
  readonly stored: Journal;
  readonly blobs: BlobStore;
  readonly answers: BlobStore;
  readonly caches: RegistryCaches;
  readonly keys: PayloadKeys;
  readonly tenants: JournalTenants;
}

interface PlaceOptions {
  readonly envelopes?: Envelopes;
  readonly retention?: Retention;
  readonly keyStore?: KeyStore;
  readonly database?: string;
  /** Of the machine that it is. */
  readonly cacheFolder?: string;
}

/** A folder with a sealed journal, blobs and keys. Each `open` is another process's view of it. */
export class SealedPlace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'glovebox-sealed-'));
  readonly database = join(this.folder, 'journal.db');
  readonly keyFolder = join(this.folder, 'keys');
  readonly cacheFolder = join(this.folder, 'caches');
  readonly blobFolder = join(this.folder, 'blobs');
  nowMs = Date.UTC(2026, 10, 20);
  readonly clock: Clock = { now: () => this.nowMs };

  open({ envelopes = new TestEnvelopes(), retention = { tenants: {} }, keyStore = new KeyFolder(this.keyFolder), database = this.database, cacheFolder = this.cacheFolder }: PlaceOptions = {}): OpenedPlace {
    const keys = new PayloadKeys({ store: keyStore, envelopes, clock: this.clock, trustMs: TRUST_MS });
    const stored = new SqliteJournal(database, { clock: this.clock });
    const journal = new SealedJournal(stored, keys);
    const files = new BlobFolder(join(this.blobFolder, 'sealed'));
    const caches = new RegistryCaches(cacheFolder);
    const tenants = new JournalTenants({ journal, keys, files, file: join(cacheFolder, 'erased'), caches, clock: this.clock, authority: ANYBODY, retention: () => Promise.resolve(retention) });
    const unsealed = new FolderBlobs(this.blobFolder);
    const blobs = new SealedBlobs({ files, keys, unsealed });
    const answers = new SealedBlobs({ files, keys, unsealed, folder: ANSWERS_FOLDER });
    return { journal, stored, blobs, answers, caches, keys, tenants, [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose]() };
  }

  /** Every byte below the folder, but for keys. */
  bytes(): Buffer {
    return Buffer.concat(readdirSync(this.folder, { recursive: true }).map(String).map((name) => join(this.folder, name)).filter((path) => !path.startsWith(this.keyFolder) && statSync(path).isFile()).map((path) => readFileSync(path)));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
