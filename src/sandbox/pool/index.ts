// Sandboxes that are made before they are asked for (docs/pools.md). `shelf.ts` is what stands ready of one request, `demand.ts` how much that is to
// be, `stocker.ts` who makes and removes it in the background, `pooled-sandboxes.ts` who hands it out.
export type { Plan, Planner } from './plan.ts';
export { PooledSandboxes, type PoolOptions } from './pooled-sandboxes.ts';
