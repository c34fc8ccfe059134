export { IsolatePool } from './isolate-pool.ts';
