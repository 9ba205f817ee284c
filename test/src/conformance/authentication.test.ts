import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auth, connect5, disconnect, field, packet, publish, subscribe, uint32 } from '../support/packets.js';
import { readPacketText } from './packet-reader.js';
import { connectOf, eachLevel, LEVELS, Peer, Scene } from './scene.js';

const SDK = fileURLToPath(new URL('../../../sdk/dist/index.js', import.meta.url));

/** Counts up with the client: each side says a number one above the other's, and 5 is enough. The exchange starts with the user's name. */
const COUNTING = `
import { definePlugin } from ${JSON.stringify(SDK)};
const users = new WeakMap();
export default definePlugin({
  name: 'counting',
  sdk: '^1.0.0',
  decides: { authenticateEnhanced: ['allow', 'deny', 'continue'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticateEnhanced.tap('COUNT', ({ data, step, exchange }, decide) => {
      const text = data === null ? '' : Buffer.from(data).toString();
      if (step === 1) {
        users.set(exchange, text);
        return text === 'large' ? decide.continue(Buffer.alloc(400, 0x61)) : decide.continue(Buffer.from('1'));
      }
      if (text === 'wrong') return decide.deny('not-authorized');
      if (Number(text) !== step * 2 - 2) return decide.deny('bad-credentials');
      if (step === 2) return decide.continue(Buffer.from('3'));
      return decide.allow({ identity: { username: users.get(exchange) }, data: Buffer.from('5') });
    });
  },
});
`;

/** Never answers for the user "sleepy". */
const SLEEPY = `
import { definePlugin } from ${JSON.stringify(SDK)};
export default definePlugin({
  name: 'sleepy',
  sdk: '^1.0.0',
  decides: { authenticate: ['skip'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.authenticate.tap(({ credentials }, decide) => (credentials.username === 'sleepy' ? new Promise(() => {}) : decide.skip()));
  },
});
`;

const METHOD = `15${field('COUNT')}`;
const data = (text: string): string => `16${field(text)}`;

describe('enhanced authentication', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({
      plugins: {
        counting: { use: './counting', isolation: 'inProcess' },
        sleepy: { use: './sleepy', isolation: 'inProcess', timeoutMs: 1500 },
      },
      chain: { authenticate: ['sleepy', 'passwords', 'counting', 'nobody'], deadlineMs: 3000 },
      files: {
        'counting/package.json': { name: 'counting', version: '1.0.0', type: 'module', main: 'index.js', portcullis: { sdk: '^1.0.0' } },
        'counting/index.js': COUNTING,
        'sleepy/package.json': { name: 'sleepy', version: '1.0.0', type: 'module', main: 'index.js', portcullis: { sdk: '^1.0.0' } },
        'sleepy/index.js': SLEEPY,
      },
    });
  });
  after(() => scene.stop());

  /** The broker's question: AUTH with 0x18, the method and its data. */
  async function question(peer: Peer, text: string): Promise<void> {
    const { type, code, properties } = await peer.any();
    assert.deepEqual([type, code], [15, 0x18]);
    assert.deepEqual(
      [...properties].sort(([a], [b]) => a - b),
      [
        [0x15, Buffer.from('COUNT').toString('hex')],
        [0x16, Buffer.from(text).toString('hex')],
      ],
    );
  }

  async function begin(name: string, more = ''): Promise<Peer> {
    const peer = new Peer(await scene.wire(), 5);
    peer.send(connect5({ clientId: scene.name(), properties: `${METHOD}${data(name)}${more}` }));
    await question(peer, '1');
    return peer;
  }

  async function login(name: string, more = ''): Promise<Peer> {
    const peer = await begin(name, more);
    peer.send(auth(0x18, METHOD + data('2')));
    await question(peer, '3');
    peer.send(auth(0x18, METHOD + data('4')));
    const connack = await peer.packet(2);
    assert.equal(connack.code, 0);
    const properties = new Map(connack.properties);
    assert.equal(properties.get(0x15), Buffer.from('COUNT').toString('hex'));
    assert.equal(properties.get(0x16), Buffer.from('5').toString('hex'));
    return peer;
  }

  it('5.0 [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.15.2-2] [MQTT-3.15.2-3] questions are AUTH 0x18 with the method and nothing but its data, and the CONNACK repeats the method', async () => {
    const peer = await login('alice', '1700');
    await peer.silence();
    assert.equal(await peer.publish1({ topic: 'closed/x' }), 0x87, 'the identity is the one of the exchange');
    await peer.leave();
  });

  it('5.0 [MQTT-4.12.0-1] a method that nobody owns is refused with 0x8C', async () => {
    assert.equal(await scene.refusal(5, { clientId: scene.name(), properties: `15${field('NOBODYS')}` }), 0x8c);
    assert.equal(await scene.refusal(5, { clientId: scene.name(), username: 'alice', password: 'secret', properties: `15${field('')}` }), 0x8c);
  });

  it('5.0 [MQTT-4.12.0-4] a wrong answer is refused by CONNACK, and the connection closes without a DISCONNECT', async () => {
    for (const [answer, code] of [
      ['wrong', 0x87],
      ['17', 0x86],
    ] as const) {
      const peer = await begin('alice');
      peer.send(auth(0x18, METHOD + data(answer)));
      assert.equal((await peer.packet(2)).code, code);
      await peer.wire.expectClosed();
    }
  });

  it('5.0 [MQTT-3.1.2-30] [MQTT-4.12.0-3] in the middle of it only an AUTH that continues, with the same method, or a DISCONNECT is taken', async () => {
    const topic = scene.name('sneak/');
    const listener = await scene.open(5);
    await listener.subscribe([[topic, 0]]);
    const wrong = [
      publish({ topic, retain: true, properties: '' }),
      subscribe({ filters: [[topic, 0]], properties: '' }),
      'c0 00',
      connect5({ clientId: scene.name() }),
      auth(0x19, METHOD + data('2')),
      auth(0x18, `15${field('OTHER')}${data('2')}`),
      auth(0x18, data('2')),
      packet(0xf0, '18'),
      'f1 00',
      'f0 00',
    ];
    for (const bytes of wrong) {
      const peer = await begin('alice');
      peer.send(bytes);
      await peer.wire.expectClosed();
    }
    const leaving = await begin('alice');
    leaving.send(disconnect());
    await leaving.wire.expectClosed();
    await listener.silence();
  });

  it('answers that are pipelined are read one after the other, and what stands behind them waits', async () => {
    const topic = scene.name('behind/');
    const listener = await scene.open(5);
    await listener.subscribe([[topic, 0]]);
    const peer = new Peer(await scene.wire(), 5);
    peer.send(
      connect5({ clientId: scene.name(), properties: METHOD + data('bob') }) +
        auth(0x18, METHOD + data('2')) +
        auth(0x18, METHOD + data('4')) +
        publish({ topic, payload: 'last', properties: '' }),
    );
    await question(peer, '1');
    await question(peer, '3');
    assert.equal((await peer.packet(2)).code, 0);
    assert.equal((await listener.next()).payload, 'last');
    await peer.silence();
  });

  it('5.0 [MQTT-4.12.0-6] [MQTT-4.12.0-7] without a method the broker sends none, and an AUTH of the client is a protocol error', async () => {
    const peer = await scene.open(5, { username: 'alice', password: 'secret' });
    assert.equal(peer.property(0x15), undefined);
    assert.equal(peer.property(0x16), undefined);
    peer.send(auth(0x19, METHOD + data('alice')));
    await peer.expelled(0x82);
    const other = await scene.open(5);
    other.send(auth(0x18, METHOD + data('alice')));
    await other.expelled(0x82);
  });

  it('a connected client may prove itself again; its other packets wait for the outcome', async () => {
    const peer = await login('alice');
    peer.send(auth(0x19, METHOD + data('alice')));
    await question(peer, '1');
    peer.send('c0 00');
    await peer.expect('d0 00');
    peer.send(auth(0x18, METHOD + data('2')));
    await question(peer, '3');
    peer.send(auth(0x18, METHOD + data('4')));
    const last = await peer.packet(15);
    assert.equal(last.code, 0);
    assert.ok(last.properties.some(([id, value]) => id === 0x15 && value === Buffer.from('COUNT').toString('hex')));
    await peer.silence();
  });

  it('5.0 [MQTT-4.12.1-1] [MQTT-4.12.1-2] a proof that fails, of another identity, or by another method ends the connection with its reason', async () => {
    const denied = await login('alice');
    denied.send(auth(0x19, METHOD + data('alice')));
    await question(denied, '1');
    denied.send(auth(0x18, METHOD + data('wrong')));
    await denied.expelled(0x87);
    const another = await login('alice');
    another.send(auth(0x19, METHOD + data('bob')));
    await question(another, '1');
    another.send(auth(0x18, METHOD + data('2')));
    await question(another, '3');
    another.send(auth(0x18, METHOD + data('4')));
    await another.expelled(0x87);
    const method = await login('alice');
    method.send(auth(0x19, `15${field('OTHER')}${data('alice')}`));
    await method.expelled(0x82);
    const nothing = await login('alice');
    nothing.send(auth(0x18, METHOD + data('2')));
    await nothing.expelled(0x82);
  });

  it('a question that the client could not take ends the attempt', async () => {
    const wire = await scene.wire();
    wire.send(connect5({ clientId: scene.name(), properties: `${METHOD}${data('large')}27${uint32(100)}` }));
    assert.equal(readPacketText(await wire.readPacket(), 5).code, 0x95);
    await wire.expectClosed();
  });

  it('while the answer is out, what is sent ahead waits up to a limit; more closes before the answer, and none of it has an effect', async () => {
    const topic = scene.name('ahead/');
    const listener = await scene.open(5);
    await listener.subscribe([['ahead/#', 0]]);
    await eachLevel(LEVELS, async (level) => {
      const message = publish(level === 5 ? { topic, payload: 'x'.repeat(50_000), properties: '' } : { topic, payload: 'x'.repeat(50_000) });
      const first = connectOf(level, { clientId: scene.name(), username: 'sleepy', password: 'x', will: { topic, payload: 'w' } });
      const patient = await scene.wire();
      patient.send(first + message);
      const greedy = await scene.wire();
      greedy.send(first);
      greedy.send(message + message + message);
      await greedy.expectClosed();
      const connack = readPacketText(await patient.readPacket(), level);
      assert.equal(connack.code, level === 5 ? 0x88 : 3);
      await patient.expectClosed();
    });
    await listener.silence();
  });

  it('a question that is not answered in time is refused', async () => {
    const peer = await begin('alice');
    assert.equal((await peer.packet(2)).code, 0x87);
    await peer.wire.expectClosed();
  });
});
