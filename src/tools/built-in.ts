import { applyPatch } from './apply-patch.ts';
import { edit } from './edit/edit.ts';
import { ToolRegistry } from './registry.ts';
import { Shell } from './shell/shell.ts';
import { submit } from './submit.ts';

/** The tools that every agent has. */
export function builtInTools(): ToolRegistry {
  return new ToolRegistry().add(new Shell()).add(edit).add(applyPatch).add(submit);
}
