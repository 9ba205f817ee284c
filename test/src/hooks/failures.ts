import type { Behaviour } from './actor.js';

export type Failure = readonly [title: string, behaviour: Behaviour];

export const NAMED = { identity: { username: 'somebody' } };

/** What is no decision for the question at hand, wherever the plugin lives. A look-alike is another one in each place. */
export const FAILURES: readonly Failure[] = [
  ['throws', ['throw']],
  ['throws null', ['throw null']],
  ['rejects', ['reject']],
  ['says that its backend is down', ['unavailable']],
  ['is silent', ['hang']],
  ['returns undefined', ['return']],
  ['returns null', ['return', null]],
  ['returns true', ['return', true]],
  ['resolves with nothing', ['async', ['return']]],
  ['answers with a decision kept from another client', ['kept']],
  ['answers later with a decision kept from another client', ['async', ['kept']]],
];
