import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthenticateRequest, BrokerHooks, DecideIdentity, Decision, PluginContext } from '@portcullis/sdk';
import plugin from './index.js';

type Handler = (request: AuthenticateRequest, decide: DecideIdentity) => Decision | PromiseLike<Decision>;

/** What the plugin says to a client that brings this, as text. */
async function ask(username: string | null, hasPassword: boolean, config: { leaseSeconds?: number } = {}): Promise<string> {
  const handlers: Handler[] = [];
  const hooks: Pick<BrokerHooks, 'authenticate'> = { authenticate: { tap: (handler) => void handlers.push(handler) } };
  await plugin.start({ hooks: hooks as BrokerHooks } as PluginContext, Object.freeze(Object.assign(Object.create(null), config)));
  const said: string[] = [];
  const say = (text: string) => {
    said.push(text);
    return {} as Decision;
  };
  const decide: DecideIdentity = {
    allow: (grant) => say(`allow ${JSON.stringify(grant)}`),
    deny: () => say('deny'),
    skip: () => say('skip'),
  };
  await handlers[0]?.({ credentials: { username, hasPassword } } as AuthenticateRequest, decide);
  return said.join();
}

test('a client without username and password is nobody in particular', async () => {
  assert.equal(await ask(null, false), 'allow {"identity":{"anonymous":true}}');
  assert.equal(await ask(null, false, { leaseSeconds: 60 }), 'allow {"identity":{"anonymous":true},"leaseSeconds":60}');
});

test('a client that brings either is left to the next authority', async () => {
  for (const [username, hasPassword] of [
    ['bob', true],
    ['bob', false],
    ['', false],
    ['', true],
    [null, true],
  ] as const) {
    assert.equal(await ask(username, hasPassword), 'skip');
  }
});
