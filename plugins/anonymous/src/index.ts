import { definePlugin } from '@portcullis/sdk';

/** Lets clients in that bring neither username nor password, as the anonymous identity. */
export default definePlugin({
  name: 'anonymous',
  sdk: '^1.0.0',
  taps: ['authenticate'],
  decides: { authenticate: ['allow', 'skip'] },
  config: {
    type: 'object',
    additionalProperties: false,
    properties: {
      leaseSeconds: {
        type: 'number',
        exclusiveMinimum: 0,
        description: 'seconds after which an anonymous client is disconnected; without it there is no end',
      },
    },
  },

  start({ hooks }, { leaseSeconds }) {
    const lease = leaseSeconds === undefined ? {} : { leaseSeconds };
    hooks.authenticate.tap(({ credentials }, decide) => {
      // Whoever brings a name or a secret wants to be somebody: letting a mistyped password in as nobody would hide the mistake.
      if (credentials.username !== null || credentials.hasPassword) return decide.skip();
      return decide.allow({ identity: { anonymous: true }, ...lease });
    });
  },
});
