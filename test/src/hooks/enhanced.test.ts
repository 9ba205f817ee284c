import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { auth, field, PINGREQ, PINGRESP, publish } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import type { Behaviour } from './actor.js';
import { bytes, refusal, Stage } from './stage.js';

const METHOD = `15 ${field('PLAIN')}`;
const data = (text: string): string => `16 ${field(text)}`;
const as = (username: string, more: object = {}): Behaviour => ['allow', { identity: { username }, ...more }];

/** Deny word, reason code of a CONNACK, reason code of a DISCONNECT. */
const WORDS: readonly (readonly [reason: unknown, connack: number, disconnect: number])[] = [
  // A DISCONNECT has no code for bad credentials.
  ['bad-credentials', 0x86, 0x87],
  ['not-authorized', 0x87, 0x87],
  ['banned', 0x8a, 0x98],
  ['rate', 0x9f, 0x96],
  ['quota', 0x97, 0x97],
  ['busy', 0x89, 0x89],
  [0x8c, 0x8c, 0x87],
  [0x9d, 0x9d, 0x9d],
  [0xa0, 0x87, 0xa0],
];

const FAULTS: readonly Behaviour[] = [
  ['throw'],
  ['reject'],
  ['hang'],
  ['return'],
  ['return', true],
  ['kept'],
  ['allow'],
  ['allow', {}],
  ['continue', 'no bytes'],
  ['skip'],
  ['deny', 0],
  ['unavailable'],
];

const hexByte = (code: number): string => code.toString(16).padStart(2, '0');

describe('enhanced authentication', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'authenticateEnhanced', 'loadPolicy'], methods: ['PLAIN', 'OTHER'], entry: { timeoutMs: 300 } },
        second: { taps: ['authenticateEnhanced', 'clientDisconnected'], methods: ['SECOND'] },
      },
      chains: {
        main: { authenticate: ['mind', 'second'], authorize: ['mind'], deadlineMs: 1000 },
        basic: { authenticate: ['mind'], authorize: ['mind'] },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    await stage.script('mind', { 'authenticateEnhanced keep': ['keep', as('keeper')] });
    await stage.forget();
  });

  function knock(properties: string, clientId?: string, chain = 'main'): Promise<WireClient> {
    next += 1;
    return stage.knock('5.0', { clientId: clientId ?? `c${next}`, username: 'u', properties }, chain);
  }

  /** A client that has authenticated by the method, as `user`. */
  async function connected(): Promise<WireClient> {
    await stage.script('mind', { authenticateEnhanced: as('user') });
    const client = await knock(METHOD);
    assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 00 /);
    return client;
  }

  it('allows at once, with data for the client in the CONNACK', async () => {
    await stage.script('mind', { authenticateEnhanced: as('user', { data: bytes('welcome') }) });
    const client = await knock(`${METHOD} ${data('proof')}`, 'me');
    const connack = await client.readPacket();
    assert.match(connack, /^20 [0-9a-f]{2} 00 00 /);
    assert.ok(connack.endsWith('15 00 05 50 4c 41 49 4e 16 00 07 77 65 6c 63 6f 6d 65'), connack);
    const { client: info, connection: _, ...request } = (await stage.heard('mind', 'authenticateEnhanced')) as Record<string, unknown>;
    assert.equal((info as { id: string }).id, 'me');
    assert.deepEqual(request, {
      method: 'PLAIN',
      data: { $bytes: '70726f6f66' },
      step: 1,
      reauthentication: false,
      exchange: {},
      username: 'u',
      tenant: null,
      tls: null,
    });
    assert.equal((await stage.asked('mind', 'authenticate')).length, 0);
    client.close();
  });

  it('takes as many steps as the plugin wants, and packets behind the CONNECT wait for the last', async () => {
    await stage.script('mind', {
      'authenticateEnhanced 1': ['continue', bytes('one')],
      'authenticateEnhanced 2': ['async', ['continue', bytes('two')]],
      'authenticateEnhanced 3': as('user', { data: bytes('end') }),
    });
    const client = await knock(METHOD);
    await client.expect(auth(0x18, `${METHOD} ${data('one')}`));
    client.send(auth(0x18, `${METHOD} ${data('first')}`));
    await client.expect(auth(0x18, `${METHOD} ${data('two')}`));
    client.send(`${auth(0x18, `${METHOD} ${data('second')}`)} ${PINGREQ}`);
    assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 00 .*16 00 03 65 6e 64$/);
    await client.expect(PINGRESP);
    assert.deepEqual(
      (await stage.asked('mind', 'authenticateEnhanced')).map((request) => [request.step, request.data]),
      [
        [1, null],
        [2, { $bytes: '6669727374' }],
        [3, { $bytes: '7365636f6e64' }],
      ],
    );
    client.close();
  });

  for (const [reason, connack, disconnect] of WORDS) {
    it(`that is denied with ${reason} is refused with 0x${hexByte(connack)}, later ended with 0x${hexByte(disconnect)}`, async () => {
      const client = await connected();
      await stage.script('mind', { authenticateEnhanced: ['deny', reason] });
      const refused = await knock(METHOD);
      await refused.expect(refusal('5.0', 0, connack));
      await refused.expectClosed();
      client.send(auth(0x19, METHOD));
      await client.expect(`e0 01 ${hexByte(disconnect)}`);
      await client.expectClosed();
    });
  }

  for (const behaviour of FAULTS) {
    it(`that could not be judged (${JSON.stringify(behaviour)}) is refused with 0x88, later ended with 0x83, at any step`, async () => {
      const client = await connected();
      await stage.script('mind', { 'authenticateEnhanced keep': ['keep', as('keeper')], authenticateEnhanced: behaviour });
      (await knock(METHOD, 'keep')).close();
      await stage.heard('mind', 'authenticateEnhanced', ({ client }: { client: { id: string } }) => client.id === 'keep');
      const refused = await knock(METHOD);
      await refused.expect(refusal('5.0', 0, 0x88));
      await refused.expectClosed();
      client.send(auth(0x19, METHOD));
      await client.expect('e0 01 83');
      await client.expectClosed();
      await stage.script('mind', { authenticateEnhanced: behaviour, 'authenticateEnhanced 1': ['continue', bytes('?')] });
      const halfway = await knock(METHOD);
      await halfway.expect(auth(0x18, `${METHOD} ${data('?')}`));
      halfway.send(auth(0x18, METHOD));
      await halfway.expect(refusal('5.0', 0, 0x88));
      await halfway.expectClosed();
    });
  }

  it('by a method that nobody owns is refused with 0x8C, also where nobody owns any', async () => {
    for (const [method, chain] of [
      ['UNKNOWN', 'main'],
      ['plain', 'main'],
      ['SECOND', 'basic'],
    ] as const) {
      const client = await knock(`15 ${field(method)}`, undefined, chain);
      await client.expect(refusal('5.0', 0, 0x8c));
      await client.expectClosed();
    }
    assert.deepEqual(stage.events, []);
  });

  it('is asked of the owner of the method alone', async () => {
    const client = await knock(`15 ${field('SECOND')}`);
    assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 00 /);
    await stage.script('mind', {});
    assert.deepEqual(await stage.asked('mind', 'authenticateEnhanced'), []);
    client.close();
  });

  it('ends with 0x87 for a client that leaves a challenge unanswered, at CONNECT and later', async () => {
    const client = await connected();
    await stage.script('mind', { authenticateEnhanced: ['continue', bytes('?')] });
    const idle = await knock(METHOD);
    await idle.expect(auth(0x18, `${METHOD} ${data('?')}`));
    client.send(auth(0x19, METHOD));
    await client.expect(auth(0x18, `${METHOD} ${data('?')}`));
    await idle.expect(refusal('5.0', 0, 0x87));
    await client.expect('e0 01 87');
    await client.expectClosed();
  });

  describe('of a client that is connected', () => {
    it('confirms the same identity, in one step or more, and the client goes on', async () => {
      const client = await connected();
      await stage.script('mind', { authenticateEnhanced: as('user', { data: bytes('ok') }) });
      await stage.forget();
      client.send(auth(0x19, `${METHOD} ${data('again')}`));
      await client.expect(auth(0x00, `${METHOD} ${data('ok')}`));
      const { step, reauthentication, data: sent } = await stage.heard('mind', 'authenticateEnhanced');
      assert.deepEqual([step, reauthentication, sent], [1, true, { $bytes: '616761696e' }]);
      await stage.script('mind', { 'authenticateEnhanced 1': ['continue', bytes('?')], 'authenticateEnhanced 2': ['async', as('user')] });
      client.send(auth(0x19, METHOD));
      await client.expect(auth(0x18, `${METHOD} ${data('?')}`));
      client.send(auth(0x18, METHOD));
      await client.expect(auth(0x00, METHOD));
      await client.silence();
      client.close();
    });

    it('may not become another identity: 0x87', async () => {
      for (const behaviour of [as('other'), ['async', as('other')], ['allow', { identity: { anonymous: true } }]] as const) {
        const client = await connected();
        await stage.script('mind', { authenticateEnhanced: behaviour });
        client.send(auth(0x19, METHOD));
        await client.expect('e0 01 87');
        await client.expectClosed();
      }
    });

    it('may not change the method: 0x82, and nobody is asked', async () => {
      for (const properties of [`15 ${field('OTHER')}`, `15 ${field('UNKNOWN')}`]) {
        const client = await connected();
        await stage.forget();
        client.send(auth(0x19, properties));
        await client.expect('e0 01 82');
        await client.expectClosed();
        await stage.script('mind', {});
        assert.deepEqual(await stage.asked('mind', 'authenticateEnhanced'), []);
      }
    });

    it('is a protocol error for one that came with a password, for a continuation of nothing and for a success that a client claims', async () => {
      const basic = await stage.login('5.0', { clientId: 'basic' });
      basic.send(auth(0x19, METHOD));
      await basic.expect('e0 01 82');
      for (const code of [0x18, 0x00]) {
        const client = await connected();
        client.send(auth(code, METHOD));
        await client.expect('e0 01 82');
        await client.expectClosed();
      }
    });

    it('holds back what the client sends meanwhile', async () => {
      const client = await connected();
      await stage.script('mind', { authenticateEnhanced: ['hold', as('other')] });
      await stage.forget();
      client.send(auth(0x19, METHOD) + publish({ topic: 't', qos: 1, packetId: 1, properties: '' }));
      await stage.heard('mind', 'authenticateEnhanced');
      assert.equal(client.unread, '');
      await stage.release('mind');
      await client.expect('e0 01 87');
      await client.expectClosed();
    });
  });
});
