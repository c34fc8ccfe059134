// How many sandboxes a machine may hold, and whose turn it is when that is fewer than are asked for.
export { Admission, type Place } from './admission.ts';
export { machineLimits, type AdmissionLimits } from './machine-limits.ts';
