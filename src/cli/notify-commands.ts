import type { Command } from 'commander';
import type { Run } from './run-action.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** `glovebox notify`. */
export function addNotify(root: Command, run: Run, terminal: Terminal): void {
  const notify = root.command('notify').description('how people are told of approvals, runs that cannot go on, alarms and stops: docs/operations.md');
  notify
    .command('test')
    .description('send a message in each channel of notifications.yaml')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run((services, signal) => testChannels(services, terminal, options, signal)));
}

async function testChannels(services: Services, terminal: Terminal, options: { json?: boolean }, signal: AbortSignal): Promise<number> {
  services.require('administer');
  const channels = await services.tryChannels(signal);
  if (options.json === true) await terminal.json({ channels });
  else if (channels.length === 0) terminal.note('there are no channels: notifications.yaml in the state folder has them (docs/operations.md)');
  else await terminal.data(channels.map(({ channel, failure }) => `${channel.padEnd(24)} ${failure === undefined ? 'sent' : `failed: ${failure}`}\n`).join(''));
  return channels.every(({ failure }) => failure === undefined) ? 0 : 5;
}
