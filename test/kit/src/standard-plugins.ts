import { type DecisionNews, definePlugin, type MessageDroppedNews, type PluginDefinition, type PublishService, type Rule } from '@portcullis/sdk';

const NO_OPTIONS = { type: 'object', additionalProperties: false, properties: {} } as const;
const EVERYTHING: Rule = { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'kit-everything' };

/** Lets everybody in under the name that they bring, or as the anonymous identity. Stands in where the plugin under test is no authority. */
export const everybody: PluginDefinition = definePlugin({
  name: 'kit-everybody',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow'] },
  config: NO_OPTIONS,
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials: { username } }, decide) =>
      decide.allow({ identity: username === null || username === '' ? { anonymous: true } : { username } }),
    );
  },
});

/** Gives every right on every topic that does not begin with `$`. Stands in where the plugin under test gives none. */
export const everything: PluginDefinition = definePlugin({
  name: 'kit-everything',
  sdk: '^1.0.0',
  taps: ['loadPolicy'],
  config: NO_OPTIONS,
  start({ hooks }) {
    hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, rules: [EVERYTHING] }));
  },
});

/** What the kit's own plugin tells and lends. */
export interface Ears {
  decided(news: DecisionNews): void;
  dropped(news: MessageDroppedNews): void;
  /** Called when the plugin starts, with the means to publish. */
  mayPublish(service: PublishService): void;
}

/** Writes down what was decided and what was dropped, and publishes for the test. */
export function observer({ decided, dropped, mayPublish }: Ears): PluginDefinition {
  return definePlugin({
    name: 'kit-observer',
    sdk: '^1.0.0',
    taps: ['decisionMade', 'messageDropped'],
    capabilities: ['publish'],
    config: NO_OPTIONS,
    start({ hooks, publish }) {
      hooks.decisionMade.tap(decided);
      hooks.messageDropped.tap(dropped);
      mayPublish(publish);
    },
  });
}
