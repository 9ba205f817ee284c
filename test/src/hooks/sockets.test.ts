import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect311 } from '../support/packets.js';
import { upgradeRequest } from '../support/upgrade-request.js';
import { WireClient } from '../support/wire-client.js';
import type { Behaviour } from './actor.js';
import { Stage } from './stage.js';

/** What a synchronous guard may do wrong. */
const FAILURES: readonly Behaviour[] = [
  ['throw'],
  ['reject'],
  ['hang'],
  ['async', ['pass']],
  ['return'],
  ['return', null],
  ['return', true],
  ['return', { pass: true }],
  ['kept'],
  ['deny', 'unknown word'],
  ['deny', 0],
];

describe('guards of sockets', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        door: { taps: ['acceptConnection', 'upgradeWebSocket', 'authenticate', 'loadPolicy'] },
        second: { taps: ['acceptConnection', 'upgradeWebSocket'] },
      },
      chains: { main: { authenticate: ['door'], authorize: ['door'] } },
      web: ['main'],
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['door', 'second']) await stage.script(actor, {});
    await stage.forget();
  });

  /** The whole answer to a request for a WebSocket, until the broker closes or the headers end. */
  function upgrade(path = '/mqtt', headers: readonly string[] = []): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(stage.broker.port('main-web'), '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1').on('data', (part: string) => {
        text += part;
        if (text.includes('\r\n\r\n')) socket.destroy();
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
      socket.write(upgradeRequest(path, headers));
    });
  }

  it('are asked with where the connection comes from', async () => {
    const client = await stage.login('3.1.1', { clientId: 'c' });
    const { connection } = (await stage.heard('door', 'acceptConnection')) as { connection: Record<string, unknown> };
    assert.equal(connection.listener, 'main');
    assert.equal(connection.transport, 'tcp');
    assert.equal(connection.address, '127.0.0.1');
    assert.ok(Number(connection.port) > 0);
    assert.match(String(connection.id), /^\w+$/);
    client.close();
  });

  it('close a socket without a byte: denied or failed, TCP or WebSocket, first guard or second', async () => {
    for (const actor of ['door', 'second']) {
      for (const behaviour of [['deny', 'banned'], ['deny', 0x8a], ...FAILURES] as const) {
        await stage.script(actor, { acceptConnection: behaviour });
        const client = await stage.open();
        // Whether it is written in time or not: nothing comes back.
        client.send(connect311({ clientId: 'c' }));
        await client.expectClosed();
        assert.equal(await upgrade().catch(() => ''), '');
      }
      await stage.script(actor, {});
    }
    assert.equal((await stage.asked('door', 'authenticate')).length, 0);
    assert.equal((await stage.asked('door', 'upgradeWebSocket')).length, 0);
    // Nothing of that has stayed.
    (await stage.login('5.0', { clientId: 'c' })).close();
  });

  it('let a WebSocket through with 101, and are asked about path, origin and host', async () => {
    assert.match(await upgrade('/mqtt?x=1', ['Origin: http://127.0.0.1', 'User-Agent: probe/1']), /^HTTP\/1\.1 101 /);
    const { connection, ...request } = await stage.heard('door', 'upgradeWebSocket');
    assert.equal((connection as { transport: string }).transport, 'ws');
    assert.deepEqual(request, { origin: 'http://127.0.0.1', path: '/mqtt', protocols: ['mqtt'], host: '127.0.0.1', userAgent: 'probe/1' });
    const client = await WireClient.connectWebSocket(stage.broker.url('main-web'));
    client.send(connect311({ clientId: 'w', username: 'u' }));
    await client.expect('20 02 00 00');
    client.close();
  });

  it('answer 403 to a request that is denied, and 503 to one that could not be judged', async () => {
    for (const actor of ['door', 'second']) {
      await stage.script(actor, { upgradeWebSocket: ['deny', 'not-authorized'] });
      assert.match(await upgrade(), /^HTTP\/1\.1 403 /);
      for (const behaviour of FAILURES) {
        await stage.script(actor, { upgradeWebSocket: behaviour });
        assert.match(await upgrade(), /^HTTP\/1\.1 503 /, JSON.stringify(behaviour));
      }
      await stage.script(actor, {});
    }
  });

  it('are not asked about a request that is wrong anyway', async () => {
    assert.match(await upgrade('/elsewhere'), /^HTTP\/1\.1 404 /);
    await stage.script('door', {});
    assert.equal((await stage.asked('door', 'upgradeWebSocket')).length, 0);
  });
});
