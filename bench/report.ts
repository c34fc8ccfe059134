import { cpus, release, totalmem } from 'node:os';

/** What every bench prints with `--json`. A ratio is how many times better we are than the named alternative: above 1 we are ahead. */
export interface Report {
  readonly bench: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly figures: Readonly<Record<string, unknown>>;
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly samples: number;
}

export function machine(): Report['machine'] {
  const processor = cpus();
  return {
    cpu: processor[0]?.model ?? 'unknown',
    cores: processor.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
  };
}

/** Milliseconds, to a microsecond. */
export function percentiles(samplesMs: readonly number[]): Percentiles {
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), samples: sorted.length };
}

export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}

/** What is measured; what it answers with is called afterwards and not measured. */
export type Contender = () => Promise<void | (() => Promise<void>)>;

/** Runs the contenders in turns, so that a machine that slows down slows all of them. */
export async function inTurns(contenders: Readonly<Record<string, Contender>>, rounds: number, warmUp: number): Promise<Record<string, number[]>> {
  const names = Object.keys(contenders);
  const samples: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const began = performance.now();
      const after = await contenders[name]?.();
      if (round >= 0) samples[name]?.push(performance.now() - began);
      await after?.();
    }
  }
  return samples;
}

/** How many times quicker one contender was than another: the median of what each turn gave, as a machine that others use, too, may be twice as fast a minute later. */
export function timesQuicker(samples: Readonly<Record<string, readonly number[]>>, ours: string, theirs: string): number {
  return percentiles((samples[ours] ?? []).map((ms, turn) => (samples[theirs]?.[turn] ?? Number.NaN) / ms)).p50;
}
