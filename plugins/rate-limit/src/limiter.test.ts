import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientInfo, ConnectDecidedNews, Identity, MessageInfo } from '@portcullis/sdk';
import { Limiter, type Refusal, type Rules } from './limiter.js';
import { makeTables } from './tables.js';

const FAILED = { free: 2, firstDelaySeconds: 1, maxDelaySeconds: 60, forgetSeconds: 600, atOnce: 8 };
let connections = 0;

interface Who {
  readonly address?: string;
  readonly username?: string | null;
  readonly tenant?: string | null;
  readonly clientId?: string;
}

/** A client that knocks; each has a connection of its own. */
class Knock {
  readonly client: ClientInfo;
  readonly username: string | null;
  readonly tenant: string | null;
  readonly #limiter: Limiter;

  constructor(limiter: Limiter, { address = '192.0.2.1', username = 'ann', tenant = null, clientId = 'c' }: Who) {
    connections += 1;
    this.#limiter = limiter;
    this.username = username;
    this.tenant = tenant;
    const connection = { id: `c${connections}`, listener: 'local', transport: 'tcp', address, port: 1 } as const;
    this.client = { id: clientId, connection, protocol: '5.0', cleanStart: true, keepAliveSeconds: 0, sessionExpirySeconds: 0 };
  }

  get identity(): Identity {
    return this.username === null ? { anonymous: true } : { username: this.username };
  }

  admit(now = 0): Refusal {
    return this.#limiter.admitClient(this, now);
  }

  identify(now = 0): Refusal {
    return this.#limiter.admitIdentity(this, now);
  }

  decide(hook: string, outcome: ConnectDecidedNews['outcome'], reasonCode = 0, now = 0): void {
    this.#limiter.decided({ hook, outcome, reasonCode, client: this.client }, now);
  }

  publish(payloadBytes: number, now = 0): Refusal {
    const message: MessageInfo = { topic: 't', payload: new Uint8Array(payloadBytes), qos: 0, retain: false, properties: {} };
    return this.#limiter.guardPublish({ client: this.client, identity: this.identity, tenant: this.tenant, message }, now);
  }
}

const limiterOf = (rules: Rules): Limiter => new Limiter(rules, makeTables(1000));
const limitOf = (refused: Refusal): string => refused?.limit.replace('refused.', '') ?? 'pass';

describe('connects', () => {
  test('of one address are bounded, an IPv6 network of 64 bits being one; Unix sockets have none', () => {
    const limiter = limiterOf({ connects: { perAddress: { perSecond: 1, burst: 2 } } });
    const from = (address: string, now = 0) => limitOf(new Knock(limiter, { address }).admit(now));
    assert.deepEqual([from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.2')], ['pass', 'pass', 'connectsPerAddress', 'pass']);
    assert.deepEqual([from('2001:db8::1'), from('2001:db8:0:0:ffff::9'), from('2001:db8::3')], ['pass', 'pass', 'connectsPerAddress']);
    assert.equal(from('2001:db8:0:1::1'), 'pass');
    for (let i = 0; i < 10; i += 1) assert.equal(from(''), 'pass');
    assert.equal(from('192.0.2.1', 1000), 'pass');
  });

  test('of one user are counted when it has proved who it is: nobody else can use them up', () => {
    const limiter = limiterOf({ connects: { perUser: { perSecond: 1, burst: 2 } } });
    for (let i = 0; i < 50; i += 1) {
      const stranger = new Knock(limiter, { username: 'ann' });
      assert.equal(stranger.admit(), null);
      stranger.decide('authenticate', 'deny', 0x86);
    }
    const ann = (tenant: string | null) => limitOf(new Knock(limiter, { username: 'ann', tenant }).identify());
    assert.deepEqual([ann(null), ann(null), ann(null), ann('acme')], ['pass', 'pass', 'connectsPerUser', 'pass']);
    for (let i = 0; i < 10; i += 1) assert.equal(new Knock(limiter, { username: null }).identify(), null);
  });

  test('of a client that flaps are refused for a while, and not those of another user with its identifier', () => {
    const limiter = limiterOf({ flapping: { connects: 3, withinSeconds: 60, refuseSeconds: 300 } });
    const connect = (who: Who, now: number) => limitOf(new Knock(limiter, who).identify(now));
    for (let i = 0; i < 50; i += 1) {
      const stranger = new Knock(limiter, { username: 'ann' });
      assert.equal(stranger.admit(), null);
      stranger.decide('authenticate', 'deny', 0x86);
    }
    for (let i = 0; i < 3; i += 1) assert.equal(connect({ username: 'ann' }, i), 'pass');
    for (const now of [4, 299_000]) assert.equal(connect({ username: 'ann' }, now), 'flapping');
    for (const other of [{ username: 'bob' }, { username: 'ann', clientId: 'd' }, { username: 'ann', tenant: 'acme' }]) {
      assert.equal(connect(other, 5), 'pass', JSON.stringify(other));
    }
    assert.equal(connect({ username: 'ann' }, 301_000), 'pass');
    // Anonymous clients are told apart by their addresses.
    for (let i = 0; i < 3; i += 1) assert.equal(connect({ username: null }, 0), 'pass');
    assert.deepEqual([connect({ username: null }, 1), connect({ username: null, address: '192.0.2.9' }, 1)], ['flapping', 'pass']);
  });
});

describe('failed logins', () => {
  const wrong = (limiter: Limiter, who: Who, now = 0): string => {
    const knock = new Knock(limiter, who);
    const answer = limitOf(knock.admit(now));
    if (answer === 'pass') knock.decide('authenticate', 'deny', 0x86, now);
    return answer;
  };

  test('delay the pair of address and username, and nobody else: a stranger locks nobody out', () => {
    const limiter = limiterOf({ failedLogins: FAILED });
    assert.deepEqual([wrong(limiter, {}), wrong(limiter, {}), wrong(limiter, {})], ['pass', 'pass', 'failedLogins']);
    for (const other of [{ address: '192.0.2.2' }, { username: 'bob' }, { username: '' }, { username: null }, { tenant: 'acme' }]) {
      assert.equal(limitOf(new Knock(limiter, other).admit()), 'pass', JSON.stringify(other));
    }
    assert.equal(wrong(limiter, {}, 1000), 'pass');
    assert.equal(wrong(limiter, {}, 2999), 'failedLogins');
  });

  test('of one IPv6 network count together', () => {
    const limiter = limiterOf({ failedLogins: FAILED });
    const from = (address: string) => wrong(limiter, { address });
    assert.deepEqual(
      [from('2001:db8::1'), from('2001:db8::2'), from('2001:db8::3'), from('2001:db8:1::1')],
      ['pass', 'pass', 'failedLogins', 'pass'],
    );
  });

  test('are those that an authority refuses; a fault, another guard, an allowance or a client that leaves is none', () => {
    for (const [hook, outcome, code, fails] of [
      ['authenticate', 'deny', 0x86, true],
      ['authenticate', 'deny', 0x87, true],
      ['authenticate', 'deny', 0x80, true],
      ['authenticateEnhanced', 'deny', 0x87, true],
      ['authenticate', 'deny', 0x97, false],
      ['authenticate', 'deny', 0x9f, false],
      ['authenticate', 'deny', 0x89, false],
      ['authenticate', 'fault', 0x88, false],
      ['authenticate', 'allow', 0, false],
      ['admitClient', 'deny', 0x8a, false],
      ['admitClient', 'fault', 0x88, false],
      ['admitIdentity', 'deny', 0x97, false],
      ['loadPolicy', 'fault', 0x88, false],
      ['connect', 'abandoned', 0, false],
    ] as const) {
      const limiter = limiterOf({ failedLogins: FAILED });
      for (let i = 0; i < 10; i += 1) {
        const knock = new Knock(limiter, {});
        if (knock.admit() === null) knock.decide(hook, outcome, code);
      }
      assert.equal(limitOf(new Knock(limiter, {}).admit()), fails ? 'failedLogins' : 'pass', `${hook} ${outcome} ${code}`);
    }
  });

  test('are not taken back by a login that its client gives up before the answer', () => {
    const limiter = limiterOf({ failedLogins: FAILED });
    for (let i = 0; i < 2; i += 1) {
      assert.equal(wrong(limiter, {}), 'pass');
      const left = new Knock(limiter, {});
      if (left.admit() === null) left.decide('connect', 'abandoned');
    }
    assert.equal(limitOf(new Knock(limiter, {}).admit()), 'failedLogins');
  });

  test('without a username, and with an empty one, are those of two', () => {
    const limiter = limiterOf({ failedLogins: FAILED });
    assert.deepEqual(
      [null, null, null].map((username) => wrong(limiter, { username })),
      ['pass', 'pass', 'failedLogins'],
    );
    assert.equal(wrong(limiter, { username: '' }), 'pass');
  });

  test('end when the client proves who it is, also if it may not come in for another reason', () => {
    const limiter = limiterOf({ failedLogins: FAILED, connects: { perUser: { perSecond: 0.001, burst: 1 } } });
    new Knock(limiter, {}).identify();
    wrong(limiter, {});
    wrong(limiter, {});
    const ann = new Knock(limiter, {});
    assert.equal(ann.admit(1000), null);
    assert.equal(limitOf(ann.identify(1000)), 'connectsPerUser');
    assert.equal(wrong(limiter, {}, 1001), 'pass');
  });

  test('of which too many have no answer yet are refused as busy', () => {
    const limiter = limiterOf({ failedLogins: FAILED });
    for (let i = 0; i < 8; i += 1) assert.equal(new Knock(limiter, {}).admit(), null);
    assert.deepEqual(new Knock(limiter, {}).admit(), { reason: 'busy', limit: 'refused.loginsAtOnce' });
  });
});

describe('messages and bytes', () => {
  test('of one client are bounded, also over a new connection, and not by those of others', () => {
    const limiter = limiterOf({ messages: { perClient: { perSecond: 1, burst: 2 } } });
    const publish = (who: Who, now = 0) => limitOf(new Knock(limiter, who).publish(1, now));
    assert.deepEqual([publish({}), publish({}), publish({})], ['pass', 'pass', 'messagesPerClient']);
    for (const other of [{ clientId: 'd' }, { username: 'bob' }, { username: null }, { tenant: 'acme' }]) assert.equal(publish(other), 'pass');
    assert.equal(publish({}, 1000), 'pass');
  });

  test('of one tenant are bounded together, and those without a tenant are one', () => {
    const limiter = limiterOf({ messages: { perTenant: { perSecond: 1, burst: 2 } } });
    const publish = (clientId: string, tenant: string | null) => limitOf(new Knock(limiter, { clientId, tenant }).publish(1));
    assert.deepEqual([publish('a', 'acme'), publish('b', 'acme'), publish('c', 'acme')], ['pass', 'pass', 'messagesPerTenant']);
    assert.deepEqual([publish('a', null), publish('b', null), publish('c', null)], ['pass', 'pass', 'messagesPerTenant']);
  });

  test('count the topic name and the payload, and a message that one limit refuses uses up no other', () => {
    const limiter = limiterOf({
      messages: { perClient: { perSecond: 0.001, burst: 2 } },
      bytes: { perClient: { perSecond: 10, burst: 100 }, perTenant: { perSecond: 10, burst: 150 } },
    });
    const publish = (clientId: string, payload: number, now = 0) => limitOf(new Knock(limiter, { clientId }).publish(payload, now));
    assert.equal(publish('a', 98), 'pass');
    assert.equal(publish('a', 1), 'bytesPerClient');
    assert.equal(publish('b', 98), 'bytesPerTenant');
    assert.equal(publish('b', 50), 'pass');
    assert.equal(publish('a', 8, 1000), 'pass');
    assert.equal(publish('a', 0, 60_000), 'messagesPerClient');
  });
});
