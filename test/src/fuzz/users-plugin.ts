import { definePlugin, type Rule } from '@portcullis/sdk';

export const HEALTHY = { username: 'healthy', password: 'sound' };

const EVERYTHING: Rule = { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'all' };
const DOLLAR: Rule = { ...EVERYTHING, pattern: '$x/#', from: 'dollar' };
const DENIED: Rule = { effect: 'deny', actions: ['publish', 'receive'], pattern: 'denied/#', from: 'denied' };
/** What the healthy client says is its own. */
const UNTOUCHED: Rule = { effect: 'deny', actions: ['publish', 'subscribe'], pattern: 'healthy/#', from: 'healthy' };

/**
 * Lets everybody in under any name, some after a while and some after a challenge, and gives nearly all rights. Nobody but the healthy client
 * may publish what it publishes.
 */
export const users = definePlugin({
  name: 'users',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow', 'deny'], authenticateEnhanced: ['allow', 'deny', 'continue'] },
  config: { type: 'object', additionalProperties: false, properties: {} },

  start({ hooks }) {
    hooks.authenticate.tap(({ credentials }, decide) => {
      const { username } = credentials;
      if (username === null || username === '') return decide.allow({ identity: { anonymous: true } });
      if (username === HEALTHY.username && !credentials.equals(HEALTHY.password)) return decide.deny('bad-credentials');
      const answer = decide.allow({ identity: { username } });
      return username.startsWith('slow') ? Promise.resolve(answer) : answer;
    });
    hooks.authenticateEnhanced.tap('r/t', ({ step, data, username }, decide) => {
      if (username === HEALTHY.username || data?.length === 1) return decide.deny('not-authorized');
      if (step === 1) return decide.continue(Buffer.from('more'));
      return decide.allow({ identity: username === null || username === '' ? { anonymous: true } : { username } });
    });
    hooks.loadPolicy.tap(({ identity }, give) => {
      const healthy = identity.anonymous !== true && identity.username === HEALTHY.username;
      return give.policy({ version: 1, rules: healthy ? [EVERYTHING] : [EVERYTHING, DOLLAR, DENIED, UNTOUCHED] });
    });
  },
});
