import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { field, packet, publish, subscribe, uint32, unsubscribe } from '../support/packets.js';
import { fromHex, toHex, WireClient } from '../support/wire-client.js';
import { connectOf, eachLevel, LEVELS, type Level, MEMBER, Scene } from './scene.js';

/** A conversation in which every answer is known, and what the broker says in it. */
function conversation(level: Level, clientId: string): { bytes: Buffer; answers: RegExp } {
  const list = level === 5 ? { properties: '' } : {};
  const topic = `self/${clientId}`;
  const rich = level === 5 ? { properties: `0101 26${field('a')}${field('b')} 02${uint32(60)}` } : {};
  const bytes = [
    connectOf(level, { clientId, keepAlive: 60, will: { topic: 'w', payload: 'w', qos: 1, retain: true } }),
    'c0 00',
    subscribe({ packetId: 1, filters: [[topic, 0]], ...list }),
    publish({ topic, payload: 'x'.repeat(200), ...rich }),
    publish({ topic: 'elsewhere', qos: 1, packetId: 2, ...list }),
    publish({ topic: 'elsewhere', qos: 2, packetId: 3, ...list }),
    '62 02 00 03',
    unsubscribe({ packetId: 4, filters: [topic], ...list }),
    'c0 00',
    'e0 00',
  ].join('');
  const text = (hex: string): string => hex.replaceAll(' ', '');
  const own = text(publish({ topic, payload: 'x'.repeat(200), ...list }));
  const live = level === 5 ? '30[0-9a-f]*7878' : own;
  const ack = level === 5 ? '4003000210' : '40020002';
  const suback = level === 5 ? '900400010000' : '9003000100';
  const unsuback = level === 5 ? 'b00400040000' : 'b0020004';
  return { bytes: fromHex(bytes), answers: new RegExp(`^20[0-9a-f]+?d000${suback}${live}${ack}5002000370020003${unsuback}d000$`) };
}

/** Everything that comes until the broker closes. */
async function collect(wire: WireClient): Promise<string> {
  let all = '';
  for (;;) {
    const packetText = await wire.readPacket().catch(() => null);
    if (packetText === null) return all.replaceAll(' ', '');
    all += packetText;
  }
}

describe('the byte stream', { concurrency: true, timeout: 45_000 }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  /** Sends a conversation in pieces of the sizes that `next` gives, each in a write of its own. */
  async function pieces(wire: WireClient, bytes: Buffer, next: () => number): Promise<string> {
    const answer = collect(wire);
    for (let at = 0; at < bytes.length; ) {
      const size = next();
      wire.send(bytes.subarray(at, at + size));
      at += size;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return answer;
  }

  it('means the same however it is cut: in one piece, byte by byte, and in between', async () => {
    await eachLevel(LEVELS, async (level) => {
      let seed = 7;
      const random = (): number => {
        seed = (seed * 1103515245 + 12345) % 2 ** 31;
        return 1 + (seed % 40);
      };
      const reference = new Map<number, string>();
      for (const [index, next] of [() => 100_000, () => 1, () => 2, () => 3, () => 5, () => 7, random, random].entries()) {
        const { bytes, answers } = conversation(level, `cut${level}`);
        const said = await pieces(await scene.wire(), bytes, next);
        assert.match(said, answers);
        reference.set(index, said);
      }
      assert.equal(new Set([...reference.values()].map((said) => said.length)).size, 1);
    });
  });

  it('3.1.1 [MQTT-6.0.0-2] 5.0 [MQTT-6.0.0-2] means the same over WebSocket, whatever the frames hold', async () => {
    await eachLevel(LEVELS, async (level) => {
      for (const next of [() => 100_000, () => 1, () => 13]) {
        const { bytes, answers } = conversation(level, `web${level}`);
        const wire = await WireClient.connectWebSocket(scene.broker.url('web'));
        assert.match(await pieces(wire, bytes, next), answers);
      }
    });
    // One packet in fragments of one message, some of them empty.
    const socket = new WebSocket(scene.broker.url('web'), ['mqtt']);
    await new Promise((resolve) => socket.once('open', resolve));
    const came = new Promise<string>((resolve) => socket.once('message', (message: Buffer) => resolve(toHex(message))));
    const bytes = fromHex(connectOf(4, { clientId: scene.name() }));
    for (const byte of bytes) {
      socket.send(Buffer.from([byte]), { fin: false });
      socket.send(Buffer.alloc(0), { fin: false });
    }
    socket.send(Buffer.alloc(0), { fin: true });
    assert.equal(await came, '20 02 00 00');
    socket.terminate();
  });

  it('3.1.1 [MQTT-6.0.0-1] 5.0 [MQTT-6.0.0-1] a text frame closes the connection, whatever it says', async () => {
    for (const connected of [false, true]) {
      const socket = new WebSocket(scene.broker.url('web'), ['mqtt']);
      await new Promise((resolve) => socket.once('open', resolve));
      if (connected) {
        const answer = new Promise((resolve) => socket.once('message', resolve));
        socket.send(fromHex(connectOf(4, { clientId: scene.name() })));
        await answer;
      }
      const closed = new Promise<number>((resolve) => socket.once('close', resolve));
      socket.send('\u0010\u000c\u0000\u0004MQTT');
      assert.notEqual(await closed, 1006);
    }
  });

  it('3.1.1 [MQTT-6.0.0-4] 5.0 [MQTT-6.0.0-4] the subprotocol mqtt is chosen, also among others; without it there is no WebSocket', async () => {
    for (const offered of [['mqtt'], ['other', 'mqtt'], ['mqtt', 'mqttv3.1']]) {
      const socket = new WebSocket(scene.broker.url('web'), offered);
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      assert.equal(socket.protocol, 'mqtt');
      socket.terminate();
    }
    for (const offered of [[], ['other'], ['MQTT']]) {
      const socket = new WebSocket(scene.broker.url('web'), offered);
      await assert.rejects(new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)));
    }
    await assert.rejects(WireClient.connectWebSocket(scene.broker.url('web').replace(/mqtt$/, 'other')));
  });

  it('a WebSocket frame larger than allowed closes; a message larger than one frame comes whole', async () => {
    const wire = await WireClient.connectWebSocket(scene.broker.url('web'));
    wire.send(connectOf(4, { clientId: scene.name() }));
    await wire.expect('20 02 00 00');
    wire.send(subscribe({ filters: [['large', 0]] }));
    await wire.expect('90 03 00 01 00');
    const large = packet(0x30, field('large') + '5a'.repeat(900_000));
    const bytes = fromHex(large);
    for (let at = 0; at < bytes.length; at += 100_000) wire.send(bytes.subarray(at, at + 100_000));
    assert.ok((await wire.read(bytes.length)).equals(bytes));
    wire.send(Buffer.alloc(1_100_000));
    await wire.expectClosed();
  });

  it('a session is the same over TCP and WebSocket', async () => {
    const clientId = scene.name();
    const tcp = await scene.open(5, { clientId, cleanSession: false, properties: '1100000100' });
    const web = await WireClient.connectWebSocket(scene.broker.url('web'));
    web.send(connectOf(5, { clientId, ...MEMBER, cleanSession: false, properties: '1100000100' }));
    assert.match(await web.readPacket(), /^20 [0-9a-f]{2} 01 00/);
    await tcp.expelled(0x8e);
    web.close();
  });

  it('a client that closes its side first still gets its answers', async () => {
    const socket = connectTcp({ port: scene.broker.port('local'), host: '127.0.0.1', allowHalfOpen: true });
    socket.end(fromHex(`${connectOf(4, { clientId: scene.name() })} c0 00 e0 00`));
    let said = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      said = Buffer.concat([said, bytes]);
    });
    await new Promise((resolve) => socket.once('end', resolve));
    assert.equal(toHex(said), '20 02 00 00 d0 00');
  });

  it('a socket that is broken at any byte of a conversation harms nobody', async () => {
    const { bytes } = conversation(5, scene.name('broken'));
    const witness = await scene.open(4);
    for (let length = 0; length < bytes.length; length += 11) {
      const wire = await scene.wire();
      wire.send(bytes.subarray(0, length));
      wire.reset();
    }
    await witness.silence();
  });
});
