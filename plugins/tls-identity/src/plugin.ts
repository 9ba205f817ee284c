import { definePlugin } from '@portcullis/sdk';
import { tapAuthority } from './authority.js';
import { CONFIG } from './config.js';
import { tapGuard } from './guard.js';
import { optionsOf } from './options.js';
import { Refusals } from './refusals.js';

/** The plugin, with a clock of milliseconds since 1970: certificates say when they end by it. */
export function makePlugin(now: () => number) {
  return definePlugin({
    name: 'tls-identity',
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
    config: CONFIG,

    start({ hooks, log, metrics }, given) {
      const options = optionsOf(given);
      const refusals = new Refusals(log, metrics, now);
      // One of the two: an entry that stands in the other list of a chain does not start, instead of being asked nothing there.
      if (given.role === 'guard') tapGuard(hooks, options, refusals, now);
      else tapAuthority(hooks, options, refusals, now);
    },
  });
}
