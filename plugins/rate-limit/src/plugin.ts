import { definePlugin, InvalidPluginConfig } from '@portcullis/sdk';
import { CONFIG } from './config.js';
import { Limiter, type Refusal, type Rules } from './limiter.js';
import { TableKeeper } from './tables.js';

/** The next configuration generation goes on with what this one has counted. */
const keeper = new TableKeeper();

/** The plugin, with a clock of monotonic milliseconds. */
export function makePlugin(now: () => number) {
  return definePlugin({
    name: 'rate-limit',
    sdk: '^1.0.0',
    taps: ['admitClient', 'admitIdentity', 'guardPublish', 'connectDecided'],
    config: CONFIG,

    start(context, config) {
      const { hooks, metrics, onDispose } = context;
      const rules: Rules = config;
      const strangers = rules.connects?.perAddress !== undefined || rules.failedLogins !== undefined;
      const publishers = [rules.messages, rules.bytes].some((both) => both?.perClient !== undefined || both?.perTenant !== undefined);
      const known = rules.connects?.perUser !== undefined || rules.flapping !== undefined || rules.failedLogins !== undefined;
      if (!strangers && !publishers && !known) {
        throw new InvalidPluginConfig(
          'no limit is set; set at least one of connects, failedLogins, flapping, messages and bytes, or take the plugin out',
        );
      }
      const { failedLogins } = rules;
      if (failedLogins !== undefined && failedLogins.firstDelaySeconds > failedLogins.maxDelaySeconds) {
        throw new InvalidPluginConfig('failedLogins: "firstDelaySeconds" is above "maxDelaySeconds"');
      }
      const entry = `${context.baseFolder}\0${context.name}`;
      const tables = keeper.hold(entry, config.maxTracked);
      onDispose(() => keeper.release(entry, tables));
      const limiter = new Limiter(rules, tables);

      const answer = <Decision>(refused: Refusal, decide: { pass(): Decision; deny(reason: 'rate' | 'busy'): Decision }): Decision => {
        if (refused === null) return decide.pass();
        metrics.count(refused.limit);
        return decide.deny(refused.reason);
      };
      // What no limit needs is not tapped: a tapped `guardPublish` costs a copy of every message.
      if (strangers) hooks.admitClient.tap((request, decide) => answer(limiter.admitClient(request, now()), decide));
      if (known) hooks.admitIdentity.tap((request, decide) => answer(limiter.admitIdentity(request, now()), decide));
      if (failedLogins !== undefined) hooks.connectDecided.tap((news) => limiter.decided(news, now()));
      if (publishers) hooks.guardPublish.tap((request, decide) => answer(limiter.guardPublish(request, now()), decide));
    },
  });
}
