// notify: people are told of what needs them: approvals, runs that cannot go on, alarms, the kill switch. docs/operations.md
// What there is to tell is in the journal (notice.ts says what of it); where to is in the operator's file, and nowhere else.
// channels/ has the ways: a webhook that is signed (Standard Webhooks), a message in a chat, a mail.
// Each notice is told once in each channel, by whichever process claims it first in the journal (deliveries.ts), and tried again until it came or half a day is over.
// Contract: notifier.ts (Notifier), open-channels.ts (what the file says, ready for use).
export { Notifier, type OpenChannel } from './notifier.ts';
export { openChannels } from './open-channels.ts';
export { tryChannels } from './try-channels.ts';
