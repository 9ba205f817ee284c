import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { publish } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { connectOf, eachLevel, type Level, type Peer, Scene } from './scene.js';

const PAYLOAD = 'y'.repeat(60_000);

describe('a client that does not read', { concurrency: true, timeout: 45_000 }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ limits: { maxSocketBufferBytes: 65_536, slowConsumerTimeoutMs: 1500, maxQueuedBytes: 2_000_000 } });
  });
  after(() => scene.stop());

  /** Subscribes, then stops reading. */
  async function deaf(level: Level, topic: string, qos: number): Promise<Socket> {
    const socket = connect({ port: scene.broker.port('local'), host: '127.0.0.1' });
    const list = level === 5 ? '00' : '';
    const name = Buffer.from(topic).toString('hex');
    const body = `0001${list}${topic.length.toString(16).padStart(4, '0')}${name}0${qos}`;
    socket.on('error', () => {});
    socket.write(fromHex(connectOf(level, { clientId: scene.name('deaf') })));
    socket.write(fromHex(`82${(body.length / 2).toString(16).padStart(2, '0')}${body}`));
    let seen = 0;
    await new Promise<void>((resolve) => {
      socket.on('data', (bytes) => {
        seen += bytes.length;
        // CONNACK and SUBACK have come.
        if (bytes.includes(0x90) && seen > 6) resolve();
      });
    });
    socket.pause();
    return socket;
  }

  async function flood(publisher: Peer, topic: string, qos: 0 | 1, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      if (qos === 1) await publisher.publish1({ topic, payload: PAYLOAD });
      else await publisher.publish0({ topic, payload: PAYLOAD });
    }
  }

  it('is closed after its time, costs no more than its limits, and slows nobody', async () => {
    await eachLevel([4, 5], async (level) => {
      for (const qos of [0, 1] as const) {
        const topic = scene.name('slow/');
        const socket = await deaf(level, topic, qos);
        const healthy = await scene.open(level);
        await healthy.subscribe([[topic, 0]]);
        const publisher = await scene.open(level);
        const drained = (async () => {
          const { length } = fromHex(publish(level === 5 ? { topic, payload: PAYLOAD, properties: '' } : { topic, payload: PAYLOAD }));
          for (let i = 0; i < 150; i += 1) await healthy.wire.read(length);
        })();
        // Far more than socket buffers and queue hold together.
        await flood(publisher, topic, qos, 150);
        await drained;
        await healthy.silence();
        // Its end shows when it reads again: the broker has closed, within the time.
        await scene.seconds(2);
        socket.resume();
        await new Promise((resolve) => socket.once('close', resolve));
      }
    });
  });

  it('one that reads late gets what was kept for it, in order, and new messages after it', async () => {
    const topic = scene.name('late/');
    const socket = connect({ port: scene.broker.port('local'), host: '127.0.0.1' });
    socket.on('error', () => {});
    const list = fromHex(connectOf(4, { clientId: scene.name() }));
    socket.write(list);
    const name = Buffer.from(topic).toString('hex');
    const body = `0001${topic.length.toString(16).padStart(4, '0')}${name}00`;
    socket.write(fromHex(`82${(body.length / 2).toString(16).padStart(2, '0')}${body}`));
    let said = Buffer.alloc(0);
    const numbers: number[] = [];
    let changed: () => void = () => {};
    socket.on('data', (bytes) => {
      said = Buffer.concat([said, bytes]);
      changed();
    });
    const until = (condition: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        changed = () => {
          if (condition()) resolve();
        };
        changed();
      });
    await until(() => said.length >= 9);
    socket.pause();
    const publisher = await scene.open(4);
    for (let i = 0; i < 20; i += 1) await publisher.publish0({ topic, payload: String(i).padStart(5, '0') + PAYLOAD });
    socket.resume();
    await publisher.publish0({ topic, payload: 'end' });
    const end = fromHex(publish({ topic, payload: 'end' }));
    await until(() => said.includes(end));
    for (const [, number] of said.toString('latin1').matchAll(/(\d{5})y/g)) numbers.push(Number(number));
    assert.ok(numbers.length > 0);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
    socket.destroy();
  });
});
