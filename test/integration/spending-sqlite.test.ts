import { describe } from 'vitest';
import { testBudgets } from './budgets.suite.ts';
import { testControl } from './control.suite.ts';

const nothing = (): Promise<void> => Promise.resolve();

describe('budgets in a file', () => testBudgets(nothing, 12));
describe('the kill switch in a file', () => testControl(nothing));
