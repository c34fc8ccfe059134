/** Where it is written what became of tenants' data. */
export const TENANTS_STREAM = 'tenants';
