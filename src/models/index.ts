// models: opens a language model from its string and speaks its provider's protocol: Anthropic's Messages, OpenAI's Responses and Chat
// Completions, and transcripts that a person wrote. It offers each provider its own native tools for ours and turns calls and outcomes
// into ours and back; what a provider wants to see again travels in `reply.raw`. It retries within bounds, says what was used and
// what it cost, and turns every failure into one of the contract's errors, without a key in any of them.
// It may import contracts only. Whether a call may be made, and with what budget, is the session's to decide.
export { ModelsByName, type ModelsOptions } from './models-by-name.ts';
