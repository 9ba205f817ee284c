import { definePlugin, type PluginDefinition, type Rule } from '@portcullis/sdk';
import type { Random } from '../fuzz/random.js';

/** Sees everything, and is refused nothing. */
export const WITNESS = 'witness';
/** May subscribe to everything: a client of MQTT 3.1 that may not loses its connection. */
export const OLD = 'old';
/** Where everybody may publish. */
export const OPEN_TOPIC = 'ok/q';

const PATTERNS = ['#', 'a/#', 'a/+', '+/b', 'a/b', 'a/b/+', '+/+/c', 'b', 'u/%u/#', 'u/%u/+', 'c/%c/#', 'c/dev-%c', '%c/x', '$x/#'];
const DENIED = ['a/x/#', 'b/+', '+/b', 'a/b/c', 'u/bob/#', 'c/%c/x', 'c/dev-%c', '$x/y', 'a/+/c'];
const ACTIONS = ['publish', 'subscribe', 'receive'] as const;

/** Rules as an administrator might write them: some cover everything, some parts, some only a QoS or what is not retained. */
export function someRules(random: Random): Rule[] {
  const rules: Rule[] = [];
  if (!random.oneIn(3)) rules.push({ effect: 'allow', actions: [...ACTIONS], pattern: '#', from: 'all' });
  if (!random.oneIn(3)) rules.push({ effect: 'allow', actions: [...ACTIONS], pattern: 'a/#', from: 'most' });
  for (let count = random.below(8); count > 0; count -= 1) {
    const deny = random.oneIn(3);
    const actions = ACTIONS.filter(() => random.oneIn(2));
    const pattern = random.pick(deny ? DENIED : PATTERNS);
    const limited = !deny && actions.includes('publish') && random.oneIn(2);
    const limits = limited ? { maxQos: random.below(3) as 0 | 1 | 2, retain: random.oneIn(2) } : {};
    rules.push({
      effect: deny ? 'deny' : 'allow',
      actions: actions.length === 0 ? ['receive'] : actions,
      pattern,
      from: `r${rules.length}`,
      ...limits,
    });
  }
  rules.push({ effect: 'allow', actions: ['publish'], pattern: OPEN_TOPIC, from: 'open' });
  return rules;
}

/** Lets everybody in under any name, and gives everybody but the witness these rules. */
export function rights(rules: readonly Rule[]): PluginDefinition {
  const everything: Rule[] = ['#', '$x/#'].map((pattern) => ({ effect: 'allow', actions: ['subscribe', 'receive'], pattern, from: 'witness' }));
  const subscribing: Rule[] = ['#', '$x/#'].map((pattern) => ({ effect: 'allow', actions: ['subscribe'], pattern, from: 'old' }));
  const old = [...subscribing, ...rules.filter(({ effect, actions }) => effect === 'allow' || !actions.includes('subscribe'))];
  return definePlugin({
    name: 'rights',
    sdk: '^1.0.0',
    decides: { authenticate: ['allow'] },
    config: { type: 'object', additionalProperties: false, properties: {} },
    start({ hooks }) {
      hooks.authenticate.tap(({ credentials: { username } }, decide) =>
        decide.allow({ identity: username === null || username === '' ? { anonymous: true } : { username } }),
      );
      hooks.loadPolicy.tap(({ identity }, give) => {
        const username = identity.anonymous === true ? null : identity.username;
        return give.policy({ version: 1, rules: username === WITNESS ? everything : username === OLD ? old : rules });
      });
    },
  });
}
