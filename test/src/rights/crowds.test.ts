import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Stage } from '../hooks/stage.js';
import { connect311, publish, subscribe } from '../support/packets.js';
import { fromHex, type WireClient } from '../support/wire-client.js';
import { measureBindings } from './bindings.js';
import { measureUnderLoad } from './under-load.js';

const rule = (effect: string, pattern: string, ...actions: string[]) => ({ effect, actions, pattern, from: 'test' });
const ALL = rule('allow', '#', 'publish', 'subscribe', 'receive');
const LARGE = 'x'.repeat(60_000);

describe('a change of rights', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: { mind: { taps: ['authenticate', 'loadPolicy'], entry: { maxConcurrent: 2, maxQueue: 4 } } },
      chains: { main: { authenticate: ['mind'], authorize: ['mind'] } },
      more: { limits: { maxPolicyLoads: 2 } },
    });
  });

  after(() => stage.stop());

  const counter = async (name: string): Promise<number> => (await stage.call('mind', 'stats.get', name)) as number;

  async function until(name: string, least: number): Promise<void> {
    while ((await counter(name)) < least) await stage.forget();
  }

  it('that concerns more clients than a plugin has room for ends no connection, and reaches all of them', async () => {
    const clients: WireClient[] = [];
    for (let i = 0; i < 40; i += 1) {
      const client = await stage.login('3.1.1', { clientId: `many${i}` });
      client.send(subscribe({ packetId: 1, filters: [['t', 0]] }));
      await client.expect('90 03 00 01 00');
      clients.push(client);
    }
    await stage.script('mind', { loadPolicy: ['async', ['policy', { version: 2, rules: [rule('allow', 'else', 'subscribe', 'receive')] }]] });
    const done = await counter('revocationsDone');
    await stage.call('mind', 'policy.invalidate', 'all', 2);
    await until('revocationsDone', done + 1);
    assert.deepEqual([await counter('pluginOverloads'), await counter('clientsConnected'), await counter('subscriptionsSuspended')], [0, 40, 40]);
    assert.equal(await counter('rechecksWaiting'), 0);
    for (const client of clients) client.close();
    await stage.script('mind', {});
  });

  it('takes messages back that wait in the broker for a peer which does not read, and leaves the others whole', async () => {
    const reader = connect(stage.broker.port('main'), '127.0.0.1');
    reader.write(fromHex(connect311({ clientId: 'slow', username: 'slow' }) + subscribe({ packetId: 1, filters: [['s/#', 0]] })));
    await first(reader, 9);
    const sender = await stage.login('3.1.1', { clientId: 'sender' });
    let kept = 0;
    const send = async (topic: string, payload: string): Promise<void> => {
      if (topic === 's/kept') kept += 1;
      sender.send(publish({ topic, payload, qos: 1, packetId: 7 }));
      await sender.expect('40 02 00 07');
    };
    // As much as both kernels take, and then some.
    while ((await counter('socketBufferBytes')) < 100_000) await send('s/kept', LARGE);
    for (let i = 0; i < 20; i += 1) await send('s/lost', 'secret');
    await send('s/kept', 'end');
    await stage.script('mind', {
      'loadPolicy slow': ['policy', { version: 2, rules: [ALL, rule('deny', 's/lost', 'subscribe', 'receive')] }],
    });
    await stage.call('mind', 'policy.invalidate', { clientId: 'slow' }, 2);
    await until('copiesRecalled', 20);
    const bytes = await everything(reader, kept);
    assert.equal(bytes.includes('s/lost'), false);
    assert.equal(await counter('closedRevoked'), 0);
    reader.destroy();
    sender.close();
  });
});

/** Waits for so many bytes, and then reads no more. */
function first(socket: Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    let came = 0;
    socket.on('data', function read(chunk: Buffer) {
      came += chunk.length;
      if (came < bytes) return;
      socket.off('data', read);
      socket.pause();
      resolve();
    });
  });
}

/** Reads so many messages of `s/kept`, each where the one before ends: nothing may be missing or cut. */
function everything(socket: Socket, messages: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const large = fromHex(publish({ topic: 's/kept', payload: LARGE })).length;
    const last = fromHex(publish({ topic: 's/kept', payload: 'end' }));
    const expected = (messages - 1) * large + last.length;
    socket.once('close', () => reject(new Error(`closed after ${length} bytes of ${expected}`)));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < expected) return;
      const all = Buffer.concat(chunks);
      try {
        assert.equal(all.length, expected);
        assert.ok(all.subarray(-last.length).equals(last));
        for (let i = 0; i < messages - 1; i += 1) assert.equal(all[i * large], 0x30);
        resolve(all);
      } catch (error) {
        reject(error);
      }
    });
    socket.resume();
  });
}

describe('the measurements of revocation', () => {
  it('judge every binding, and suspend and restore every subscription', async () => {
    const results = await measureBindings(1000);
    assert.deepEqual(
      results.map(({ what, suspended }) => [what, suspended]),
      [
        ['template', 1000],
        ['template', 0],
        ['load', 1000],
      ],
    );
  });

  it('see deliveries before each revocation, and the broker judge all', async () => {
    const result = await measureUnderLoad({ clients: 20, deliveriesPerSecond: 400, rounds: 1 });
    assert.ok(result.deliveriesPerSecond > 0);
  });
});
