import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, packet, properties, publish, uint16, uint32 } from '../support/packets.js';
import { eachCase, lasting, Scene } from './scene.js';

/** Every property: identifier, a good value, values out of range with the reason code, and where it may stand. */
const TABLE: readonly { id: string; good: string; bad?: readonly (readonly [string, number])[]; in: string }[] = [
  { id: '01', good: '01', bad: [['02', 0x82]], in: 'publish will' },
  { id: '02', good: '00000001', in: 'publish will' },
  { id: '03', good: field('t'), in: 'publish will' },
  {
    id: '08',
    good: field('r'),
    bad: [
      [field('r/#'), 0x82],
      [field('+'), 0x82],
    ],
    in: 'publish will',
  },
  { id: '09', good: field('c'), in: 'publish will' },
  { id: '0b', good: '01', bad: [['00', 0x82]], in: 'subscribe' },
  { id: '11', good: '00000000', in: 'connect disconnect' },
  { id: '12', good: field('x'), in: '' },
  { id: '13', good: '0001', in: '' },
  { id: '15', good: field('m'), in: 'connect auth' },
  { id: '16', good: field('d'), in: 'connect auth' },
  { id: '17', good: '01', bad: [['02', 0x82]], in: 'connect' },
  { id: '18', good: '00000001', in: 'will' },
  { id: '19', good: '01', bad: [['02', 0x82]], in: 'connect' },
  { id: '1a', good: field('x'), in: '' },
  { id: '1c', good: field('x'), in: 'disconnect' },
  { id: '1f', good: field('x'), in: 'puback disconnect auth' },
  { id: '21', good: '0001', bad: [['0000', 0x82]], in: 'connect' },
  { id: '22', good: '0001', in: 'connect' },
  {
    id: '23',
    good: '0001',
    bad: [
      ['0000', 0x94],
      ['0041', 0x94],
      ['ffff', 0x94],
    ],
    in: 'publish',
  },
  { id: '24', good: '01', in: '' },
  { id: '25', good: '01', in: '' },
  { id: '26', good: field('n') + field('v'), in: 'connect publish will subscribe unsubscribe puback disconnect auth' },
  { id: '27', good: '00010000', bad: [['00000000', 0x82]], in: 'connect' },
  { id: '28', good: '01', in: '' },
  { id: '29', good: '01', in: '' },
  { id: '2a', good: '01', in: '' },
];

/** Packets around a property list. */
const PACKETS: Record<string, (list: string) => string> = {
  publish: (list) => packet(0x30, field('a') + properties(list)),
  subscribe: (list) => packet(0x82, `0001${properties(list)}${field('a')}00`),
  unsubscribe: (list) => packet(0xa2, `0001${properties(list)}${field('a')}`),
  puback: (list) => packet(0x40, `000100${properties(list)}`),
  disconnect: (list) => packet(0xe0, `00${properties(list)}`),
};
const connectWith = (list: string): string => packet(0x10, `${field('MQTT')}05020000${properties(list)}${field('x')}`);
const willWith = (list: string): string => packet(0x10, `${field('MQTT')}05060000 00 ${field('x')}${properties(list)}${field('w')}${field('p')}`);

describe('properties of MQTT 5.0', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  it('in a packet that does not have them, unknown, twice, cut off or out of range end the connection', async () => {
    const cases: [string, { bytes: string; code: number }][] = [];
    for (const [name, wrap] of Object.entries(PACKETS)) {
      for (const row of TABLE) {
        const one = row.id + row.good;
        if (!row.in.split(' ').includes(name))
          cases.push([`${row.id} in ${name}`, { bytes: wrap(one), code: row.id === '0b' && name === 'publish' ? 0x82 : 0x81 }]);
        else {
          if (row.id !== '26') cases.push([`${row.id} twice in ${name}`, { bytes: wrap(one + one), code: 0x82 }]);
          cases.push([`${row.id} cut off in ${name}`, { bytes: wrap(one.slice(0, -2)), code: 0x81 }]);
          for (const [value, code] of row.bad ?? []) cases.push([`${row.id} = ${value} in ${name}`, { bytes: wrap(row.id + value), code }]);
        }
      }
      for (const id of ['00', '04', '0a', '10', '14', '1b', '20', '2b', '7f', '80', '8101']) {
        cases.push([`unknown ${id} in ${name}`, { bytes: wrap(`${id}00`), code: 0x81 }]);
      }
    }
    await eachCase(cases, ({ bytes, code }) => scene.violation(5, bytes, code));
  });

  it('wrong ones in CONNECT and in the will close before a session begins', async () => {
    const cases: [string, string][] = [];
    for (const [name, wrap] of [
      ['connect', connectWith],
      ['will', willWith],
    ] as const) {
      for (const row of TABLE) {
        const one = row.id + row.good;
        if (!row.in.split(' ').includes(name)) cases.push([`${row.id} in ${name}`, wrap(one)]);
        else {
          if (row.id !== '26') cases.push([`${row.id} twice in ${name}`, wrap(one + one)]);
          cases.push([`${row.id} cut off in ${name}`, wrap(one.slice(0, -2))]);
          for (const [value] of row.bad ?? []) cases.push([`${row.id} = ${value} in ${name}`, wrap(row.id + value)]);
        }
      }
      cases.push([`an unknown one in ${name}`, wrap('7f00')]);
    }
    cases.push(['authentication data without a method', connectWith(`16${field('d')}`)]);
    await eachCase(cases, (bytes) => scene.speechless(bytes));
  });

  it('5.0 [MQTT-3.3.2-14] [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] those that travel arrive unchanged, and user properties in their order, live, queued, retained and again', async () => {
    const topic = scene.name('travel/');
    const clientId = scene.name();
    const pairs = ['b=1', 'a=2', 'b=1', '=', 'b=0', 'a='];
    const user = pairs.map((pair) => pair.split('=')).map(([name = '', value = '']) => `26${field(name)}${field(value)}`);
    const list = `${user.slice(0, 2).join('')} 0101 03${field('text/ \u00fcber')} ${user[2]} 08${field('an/answer')} 0900020001 ${user.slice(3).join('')}`;
    const expected = new Map([
      [0x01, '01'],
      [0x03, Buffer.from('text/ \u00fcber').toString('hex')],
      [0x08, Buffer.from('an/answer').toString('hex')],
      [0x09, '0001'],
    ]);
    const check = (found: readonly (readonly [number, string])[]): void => {
      assert.deepEqual(
        found.filter(([id]) => id === 0x26).map(([, value]) => value),
        pairs,
      );
      assert.deepEqual(new Map([...found].filter(([id]) => id !== 0x26).sort(([a], [b]) => a - b)), expected);
    };
    const peer = await scene.open(5, { clientId, ...lasting(5) });
    const old = await scene.open(4);
    await peer.subscribe([[topic, 2]]);
    await old.subscribe([[topic, 2]]);
    const publisher = await scene.open(5);
    await publisher.publish0({ topic, payload: '0', properties: list });
    await publisher.publish1({ topic, payload: '1', properties: list });
    await publisher.publish2({ topic, payload: '2', properties: list, retain: true });
    for (const payload of ['0', '1', '2']) {
      const came = await peer.next();
      assert.equal(came.payload, payload);
      check(came.properties);
      assert.equal((await old.next()).payload, payload);
    }
    peer.wire.reset();
    await scene.seconds(0);
    await publisher.publish1({ topic, payload: 'queued', properties: list });
    const back = await scene.open(5, { clientId, ...lasting(5) });
    for (const payload of ['1', '2', 'queued']) {
      const came = await back.next();
      assert.equal(came.payload, payload);
      check(came.properties);
    }
    const late = await scene.open(5);
    await late.subscribe([[topic, 0]]);
    check((await late.next()).properties);
    await late.silence();
  });

  it('binary and empty values arrive as they were', async () => {
    const topic = scene.name('bytes/');
    const peer = await scene.open(5);
    await peer.subscribe([[topic, 0]]);
    const values = ['0900 00', `03${field('')}`, '0900 03 00ff80', '0100', `26${field('')}${field('')}`, `09${uint16(4000)}${'fe'.repeat(4000)}`];
    for (const list of values) {
      const bytes = publish({ topic, payload: 'x', properties: list });
      peer.send(bytes);
      await peer.expect(bytes);
    }
  });

  it('5.0 [MQTT-3.1.2-29] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements hold neither reason string nor user property, whatever the client wants to know and takes', async () => {
    for (const list of ['1700', '1701', '1700 2700000010', `27${uint32(32)}`]) {
      const peer = await scene.open(5, { username: 'alice', password: 'secret', properties: list });
      const user = `26${field('a')}${field('b')}`;
      peer.publish({ topic: 'closed/x', qos: 1, packetId: 1, properties: user });
      peer.publish({ topic: 'open/x', qos: 1, packetId: 1, properties: user });
      peer.publish({ topic: 'closed/x', qos: 2, packetId: 2, properties: user });
      peer.publish({ topic: 'open/x', qos: 2, packetId: 3, properties: user });
      peer.send(packet(0x62, `000300${properties(user)}`));
      peer.send(packet(0x62, `000400${properties(user)}`));
      peer.send(packet(0x50, `000500${properties(user)}`));
      for (const type of [4, 4, 5, 5, 7, 7, 6]) assert.deepEqual((await peer.packet(type)).properties, []);
      peer.send('00 00');
      const last = await peer.packet(14);
      assert.deepEqual(last.properties, []);
    }
  });

  it('5.0 [MQTT-3.2.2-11] the broker takes every QoS and RETAIN, all kinds of subscription, and says nothing else', async () => {
    const peer = await scene.open(5);
    for (const id of [0x24, 0x25, 0x28, 0x29, 0x2a]) assert.ok([undefined, '01'].includes(peer.property(id)));
    assert.equal(peer.property(0x24), undefined, 'Maximum QoS 2 is said by leaving it out');
    for (const qos of [0, 1, 2] as const) {
      const will = await scene.open(5, { will: { topic: 'w', payload: 'w', qos, retain: true } });
      await will.leave();
    }
  });
});
