import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { publish, subscribe } from '../support/packets.js';
import { Stage, VERSIONS } from './stage.js';

describe('what sources change about a client', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: { mind: { taps: ['resolveTenant', 'normalizeConnect', 'authenticate', 'admitClient', 'admitIdentity', 'loadPolicy'] } },
      chains: { main: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'] } },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    await stage.script('mind', {});
    await stage.forget();
  });

  it('is nothing when they give nothing', async () => {
    const client = await stage.login('5.0', { clientId: 'plain', username: 'u', keepAlive: 30, properties: '11 00 00 00 3c' });
    const { client: info, tenant } = (await stage.heard('mind', 'loadPolicy')) as { client: Record<string, unknown>; tenant: unknown };
    assert.equal(tenant, null);
    const { connection: _, ...rest } = info;
    assert.deepEqual(rest, { id: 'plain', protocol: '5.0', cleanStart: true, keepAliveSeconds: 30, sessionExpirySeconds: 60 });
    client.close();
  });

  it('keeps tenants apart: the same client identifier, the same topics, and nobody meets', async () => {
    await stage.script('mind', {
      'resolveTenant red': ['tenant', { name: 'red' }],
      'resolveTenant blue': ['async', ['tenant', { name: 'blue' }]],
      'resolveTenant bluer': ['tenant', { name: 'blue' }],
    });
    const clients = [];
    for (const username of ['red', 'blue', 'none']) {
      const client = await stage.login('3.1.1', { clientId: 'same', username });
      client.send(
        subscribe({
          filters: [
            ['#', 0],
            ['$share/g/#', 0],
          ],
        }),
      );
      await client.expect('90 04 00 01 00 00');
      clients.push(client);
    }
    const [red, blue, none] = clients;
    const publisher = await stage.login('3.1.1', { clientId: 'publisher', username: 'bluer' });
    publisher.send(publish({ topic: 't', payload: 'x', retain: true }));
    await blue?.expectAnyOrder(publish({ topic: 't', payload: 'x' }), publish({ topic: 't', payload: 'x' }));
    for (const client of [red, none]) await client?.silence();
    // Retained messages are the tenant's, too.
    red?.send(subscribe({ packetId: 2, filters: [['t', 0]] }));
    await red?.expect('90 03 00 02 00');
    await red?.silence();
    blue?.send(subscribe({ packetId: 2, filters: [['t', 0]] }));
    await blue?.expect(`90 03 00 02 00 ${publish({ topic: 't', payload: 'x', retain: true })}`);
    assert.deepEqual(
      (await stage.asked('mind', 'loadPolicy')).map(({ tenant }) => tenant),
      ['red', 'blue', null, 'blue'],
    );
    for (const client of [...clients, publisher]) client.close();
  });

  it('patches client identifier, username, keep alive and expiry, and 5.0 is told', async () => {
    await stage.script('mind', {
      normalizeConnect: ['patch', { clientId: 'renamed', username: 'other', keepAliveSeconds: 77, sessionExpirySeconds: 5 }],
    });
    const client = await stage.knock('5.0', { clientId: 'c', username: 'u', keepAlive: 10 });
    const connack = await client.readPacket();
    assert.match(connack, /^20 [0-9a-f]{2} 00 00 /);
    assert.match(connack, / 11 00 00 00 05/);
    assert.match(connack, / 12 00 07 72 65 6e 61 6d 65 64/);
    assert.match(connack, / 13 00 4d/);
    for (const hook of ['admitClient', 'loadPolicy']) {
      const request = (await stage.heard('mind', hook)) as { client: Record<string, unknown>; username?: string; identity?: unknown };
      assert.deepEqual([request.client.id, request.client.keepAliveSeconds, request.client.sessionExpirySeconds], ['renamed', 77, 5]);
    }
    const { credentials } = (await stage.heard('mind', 'authenticate')) as { credentials: Record<string, unknown> };
    assert.deepEqual(credentials, { username: 'other', hasPassword: false });
    client.close();
  });

  it('names 3.x clients that have no name', async () => {
    await stage.script('mind', { normalizeConnect: ['patch', { clientId: 'given' }] });
    for (const version of VERSIONS) {
      const client = await stage.login(version, { clientId: '', cleanSession: version !== '3.1.1' });
      const found = (await stage.call('mind', 'sessions.find', { clientId: 'given' })) as unknown[];
      assert.equal(found.length, 1);
      client.close();
    }
  });

  it('is the identity alone that counts behind authentication', async () => {
    await stage.script('mind', {
      authenticate: ['allow', { identity: { username: 'real', groups: ['g'], attributes: { site: 'north', level: 3, root: true } } }],
    });
    const client = await stage.login('5.0', { clientId: 'c', username: 'claimed', password: 'p' });
    for (const hook of ['admitIdentity', 'loadPolicy']) {
      const { identity } = await stage.heard('mind', hook);
      assert.deepEqual(identity, { username: 'real', groups: ['g'], attributes: { site: 'north', level: 3, root: true } });
    }
    const { credentials } = (await stage.heard('mind', 'authenticate')) as { credentials: Record<string, unknown> };
    assert.deepEqual(credentials, { username: 'claimed', hasPassword: true });
    client.close();
  });

  it('tells a plugin why it is asked for rights', async () => {
    const client = await stage.login('5.0', { clientId: 'c' });
    const { reason, knownVersion } = await stage.heard('mind', 'loadPolicy');
    assert.deepEqual([reason, knownVersion], ['connect', null]);
    await stage.call('mind', 'policy.invalidate', 'all');
    await stage.heard(
      'mind',
      'loadPolicy',
      (request: { reason: string; knownVersion: unknown }) => request.reason === 'invalidated' && request.knownVersion === 1,
    );
    client.close();
  });

  it('lets a plugin see the password only by the capability, and compare it without', async () => {
    await stage.script('mind', { authenticate: ['credentials', { exposed: 'secret' }] });
    (await stage.login('3.1.1', { clientId: 'c', password: 'secret' })).close();
    await (await stage.knock('3.1.1', { clientId: 'c', username: 'u', password: 'wrong' })).expect('20 02 00 04');
    await (await stage.knock('3.1.1', { clientId: 'c', username: 'u' })).expect('20 02 00 03');
    assert.doesNotMatch(stage.broker.output, /secret/);
    assert.doesNotMatch(JSON.stringify(stage.events), /secret/);
  });
});
