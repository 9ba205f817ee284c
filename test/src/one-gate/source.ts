import { definePlugin, type PluginContext, type PluginDefinition, type Rule } from '@portcullis/sdk';
import type { Table, User } from './table.js';

/** Where rights come from: rules that are compiled, code that is asked for each message, or guards behind rules that allow everything. */
export const LANES = ['rules', 'code', 'guards'] as const;
export type Lane = (typeof LANES)[number];

/** Sees every message that is routed. */
export const WITNESS = 'witness';
/** Whose credentials are wrong. */
export const STRANGER = 'stranger';
/** What plugins may publish to. */
export const PUBLISH_TO = ['a/#', 'b/#'] as const;

const EVERYTHING: Rule = { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'everything' };

/** A plugin that lets everybody in under any name and gives the rights of the table, and how to speak for it. */
export class Source {
  readonly plugin: PluginDefinition;
  readonly #table: Table;
  #context: PluginContext | null = null;

  constructor(table: Table, lane: Lane) {
    this.#table = table;
    this.plugin = definePlugin({
      name: 'source',
      sdk: '^1.0.0',
      decides: { authenticate: ['allow', 'deny'], ...(lane === 'code' ? { authorize: ['allow', 'deny'] } : {}) },
      capabilities: ['policy', 'publish'],
      config: { type: 'object', additionalProperties: false, properties: {} },
      start: (context) => this.#start(context, lane),
    });
  }

  /** Says that the rights of a user have changed. */
  changed(user: User): void {
    const { policy } = this.#context as PluginContext;
    // No selector means anonymous clients alone.
    policy.invalidate(user === null ? 'all' : { username: user }, this.#table.version);
  }

  publish(topic: string, payload: string, qos: 0 | 1 | 2, retain: boolean): Promise<void> {
    return (this.#context as PluginContext).publish.publish({ topic, payload, qos, retain });
  }

  #start(context: PluginContext, lane: Lane): void {
    const { hooks } = context;
    const table = this.#table;
    this.#context = context;
    hooks.authenticate.tap(({ credentials: { username } }, decide) => {
      if (username === STRANGER) return decide.deny('bad-credentials');
      return decide.allow({ identity: username === null || username === '' ? { anonymous: true } : { username } });
    });
    hooks.loadPolicy.tap(({ identity }, give) => {
      const user = userOf(identity);
      const rules = user === WITNESS || lane === 'guards' ? [EVERYTHING] : lane === 'rules' ? table.rules(user) : [];
      return give.policy({ version: table.version, rules });
    });
    if (lane === 'code') {
      hooks.authorize.tap(({ identity, action, topic }, decide) => {
        const user = userOf(identity);
        if (user === WITNESS) return decide.allow();
        const may = action === 'subscribe' ? table.maySubscribe(user, topic) : table.may(user, action, topic);
        return may ? decide.allow() : decide.deny('not-authorized');
      });
    }
    if (lane === 'guards') {
      const guard = (action: 'publish' | 'receive') => (identity: Named, topic: string) => {
        const user = userOf(identity);
        return user === WITNESS || table.may(user, action, topic);
      };
      hooks.guardPublish.tap(({ identity, message }, decide) => (guard('publish')(identity, message.topic) ? decide.pass() : decide.deny('quota')));
      hooks.guardDelivery.tap(({ identity, message }, decide) => (guard('receive')(identity, message.topic) ? decide.pass() : decide.deny('quota')));
    }
  }
}

type Named = { readonly anonymous?: boolean; readonly username?: string };

function userOf(identity: Named): User | typeof WITNESS {
  return identity.anonymous === true ? null : (identity.username as User | typeof WITNESS);
}
