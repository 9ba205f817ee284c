import { definePlugin, type PluginDefinition } from '@portcullis/sdk';

/** Lets everybody in under the name that he gives, as certificates would. */
export const doorPlugin: PluginDefinition = definePlugin({
  name: 'door',
  sdk: '^1.0.0',
  taps: ['authenticate'],
  decides: { authenticate: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username ?? 'nobody' } }));
  },
});
