import { after, before, describe, it } from 'node:test';
import { field, packet, properties, publish, pubrec, subscribe, uint16, unsubscribe } from '../support/packets.js';
import { eachCase, eachLevel, LEVELS, type Level, Scene } from './scene.js';

interface Case {
  readonly level: Level;
  readonly bytes: string;
  readonly code: number;
}

/** The same bytes on every level, or on those given. */
function on(levels: readonly Level[], name: string, code: number, bytes: (level: Level) => string): [string, Case][] {
  return levels.map((level) => [`MQTT level ${level}: ${name}`, { level, bytes: bytes(level), code }]);
}

describe('malformed packets and protocol errors', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());
  const run = (cases: readonly (readonly [string, Case])[]): Promise<void> =>
    eachCase(cases, ({ level, bytes, code }) => scene.violation(level, bytes, code));

  it('3.1.1 [MQTT-2.2.2-1] [MQTT-2.2.2-2] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] 5.0 [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] wrong flags in the fixed header end the connection', async () => {
    const cases: [string, Case][] = [];
    const prescribed = new Map([
      [6, 2],
      [8, 2],
      [10, 2],
    ]);
    for (const type of [4, 5, 6, 7, 8, 10, 12, 14, 15]) {
      for (let flags = 0; flags < 16; flags += 1) {
        if (flags === (prescribed.get(type) ?? 0)) continue;
        cases.push(
          ...on(LEVELS, `type ${type} with flags ${flags.toString(2)}`, 0x81, (level) => {
            const first = type * 16 + flags;
            const none = level === 5 ? '00' : '';
            if (type === 8) return packet(first, `0001${none}${field('a')}00`);
            if (type === 10) return packet(first, `0001${none}${field('a')}`);
            if (type === 15) return packet(first, '18 00');
            return packet(first, type < 8 ? '0001' : '');
          }).filter(([, { level }]) => level !== 3 || !prescribed.has(type) || flags !== 10),
        );
      }
    }
    // MQTT 3.1 repeats these three with DUP, which later versions took back.
    await run(cases);
    const old = await scene.open(3);
    old.send(packet(0x8a, `0001${field('a')}00`));
    await old.expect('90 03 00 01 00');
    old.send(packet(0xaa, `0002${field('a')}`));
    await old.expect('b0 02 00 02');
    old.send('6a 02 00 07');
    await old.expect('70 02 00 07');
  });

  it('3.1.1 [MQTT-2.3.1-1] 5.0 [MQTT-2.2.1-3] packet identifier 0 ends the connection', async () => {
    const list = (level: Level): { properties?: string } => (level === 5 ? { properties: '' } : {});
    await run([
      ...on(LEVELS, 'PUBLISH QoS 1', 0x82, (level) => publish({ topic: 'a', qos: 1, packetId: 0, ...list(level) })),
      ...on(LEVELS, 'PUBLISH QoS 2', 0x82, (level) => publish({ topic: 'a', qos: 2, packetId: 0, ...list(level) })),
      ...on(LEVELS, 'SUBSCRIBE', 0x82, (level) => subscribe({ filters: [['a', 0]], packetId: 0, ...list(level) })),
      ...on(LEVELS, 'UNSUBSCRIBE', 0x82, (level) => unsubscribe({ filters: ['a'], packetId: 0, ...list(level) })),
      ...on(LEVELS, 'PUBACK', 0x82, () => '40 02 00 00'),
      ...on(LEVELS, 'PUBREC', 0x82, () => '50 02 00 00'),
      ...on(LEVELS, 'PUBREL', 0x82, () => '62 02 00 00'),
      ...on(LEVELS, 'PUBCOMP', 0x82, () => '70 02 00 00'),
    ]);
  });

  it('3.1.1 [MQTT-3.3.1-4] [MQTT-3.3.1-2] 5.0 [MQTT-3.3.1-4] [MQTT-3.3.1-2] QoS 3, and DUP on a QoS 0 message, end the connection', async () => {
    await run([
      ...on(LEVELS, 'QoS 3', 0x81, (level) => packet(0x36, `${field('a')}0001${level === 5 ? '00' : ''}`)),
      ...on(LEVELS, 'QoS 3 with everything', 0x81, (level) => packet(0x3f, `${field('a')}0001${level === 5 ? '00' : ''}`)),
      ...on(LEVELS, 'DUP at QoS 0', 0x81, (level) => packet(0x38, field('a') + (level === 5 ? '00' : ''))),
      ...on(LEVELS, 'DUP at QoS 0, behind a good packet in the same write', 0x81, (level) => {
        const rest = field('a') + (level === 5 ? '00' : '');
        return packet(0x30, rest) + packet(0x38, rest);
      }),
    ]);
  });

  it('3.1.1 [MQTT-3.3.2-2] [MQTT-4.7.1-1] [MQTT-2.3.1-5] 5.0 [MQTT-3.3.2-2] [MQTT-4.7.0-1] [MQTT-2.2.1-2] a wildcard in a topic name ends the connection; a QoS 0 message has no packet identifier', async () => {
    const list = (level: Level): { properties?: string } => (level === 5 ? { properties: '' } : {});
    await run(
      ['#', '+', 'a/#', 'a/+/b', 'a+', 'a#b', '/+'].flatMap((topic) =>
        ([0, 1, 2] as const).flatMap((qos) => on(LEVELS, `${topic} at QoS ${qos}`, 0x90, (level) => publish({ topic, qos, ...list(level) }))),
      ),
    );
    const peer = await scene.open(4);
    await peer.subscribe([['no/id', 0]]);
    // What would be the identifier is payload.
    peer.send(packet(0x30, `${field('no/id')}0000`));
    await peer.expect(packet(0x30, `${field('no/id')}0000`));
  });

  it('3.1.1 [MQTT-4.8.0-1] 5.0 [MQTT-4.13.1-1] packets of the wrong direction or of no type end the connection', async () => {
    await run([
      ...on(LEVELS, 'type 0', 0x81, () => '00 00'),
      ...on(LEVELS, 'CONNACK', 0x82, (level) => (level === 5 ? '20 03 00 00 00' : '20 02 00 00')),
      ...on(LEVELS, 'SUBACK', 0x82, (level) => (level === 5 ? '90 04 00 01 00 00' : '90 03 00 01 00')),
      ...on(LEVELS, 'UNSUBACK', 0x82, (level) => (level === 5 ? 'b0 04 00 01 00 00' : 'b0 02 00 01')),
      ...on(LEVELS, 'PINGRESP', 0x82, () => 'd0 00'),
      ...on([3, 4], 'type 15, which only 5.0 has', 0x81, () => 'f0 00'),
    ]);
  });

  it('bytes left over at the end of a packet, or missing, make it malformed', async () => {
    const none = (level: Level): string => (level === 5 ? '00' : '');
    await run([
      ...on(LEVELS, 'PINGREQ with a body', 0x81, () => 'c0 01 00'),
      ...on([3, 4], 'PUBACK with three bytes', 0x81, () => '40 03 00 01 00'),
      ...on([3, 4], 'PUBREL with three bytes', 0x81, () => '62 03 00 01 00'),
      ...on(LEVELS, 'PUBACK with one byte', 0x81, () => '40 01 00'),
      ...on(LEVELS, 'PUBCOMP without a body', 0x81, () => '70 00'),
      ...on([3, 4], 'DISCONNECT with a body', 0x81, () => 'e0 01 00'),
      ...on([5], 'PUBACK with bytes behind its properties', 0x81, () => '40 05 00 01 00 00 00'),
      ...on([5], 'DISCONNECT with bytes behind its properties', 0x81, () => 'e0 03 00 00 00'),
      ...on(LEVELS, 'PUBLISH with a topic longer than the packet', 0x81, () => '30 03 00 05 61'),
      ...on(LEVELS, 'PUBLISH without a body', 0x81, () => '30 00'),
      ...on(LEVELS, 'PUBLISH QoS 1 without an identifier', 0x81, () => '32 03 00 01 61'),
      ...on([5], 'PUBLISH without properties', 0x81, () => '30 03 00 01 61'),
      ...on([5], 'PUBLISH with more properties than packet', 0x81, () => '30 04 00 01 61 05'),
      ...on(LEVELS, 'SUBSCRIBE with a filter but no options', 0x81, (level) => packet(0x82, `0001${none(level)}${field('a')}`)),
      ...on(LEVELS, 'SUBSCRIBE with half a filter', 0x81, (level) => packet(0x82, `0001${none(level)}${field('a')}000005`)),
      ...on(LEVELS, 'UNSUBSCRIBE with half a filter', 0x81, (level) => packet(0xa2, `0001${none(level)}0005`)),
    ]);
  });

  it('5.0 [MQTT-1.5.5-1] remaining and property lengths take their shortest form and at most four bytes', async () => {
    await run([
      ...on(LEVELS, 'five bytes of remaining length', 0x81, () => 'c0 80 80 80 80 00'),
      ...on(LEVELS, 'a remaining length that never ends', 0x81, () => 'c0 ff ff ff ff ff'),
      ...on([5], 'a remaining length of 0 in two bytes', 0x81, () => 'c0 80 00'),
      ...on([5], 'a remaining length of 4 in two bytes', 0x81, () => '30 84 00 00 01 61 00'),
      ...on([5], 'a property length of 0 in two bytes', 0x81, () => packet(0x30, `${field('a')}8000`)),
      ...on([5], 'a property length in five bytes', 0x81, () => packet(0x30, `${field('a')}8080808000`)),
      ...on([5], 'a subscription identifier in five bytes', 0x81, () => packet(0x82, `0001 06 0b8080808001 ${field('a')}00`)),
      ...on([5], 'a subscription identifier not in its shortest form', 0x81, () => packet(0x82, `0001 03 0b8100 ${field('a')}00`)),
    ]);
  });

  it('3.1.1 [MQTT-3.8.3-3] [MQTT-3.10.3-2] 5.0 [MQTT-3.8.3-2] [MQTT-3.8.3-5] [MQTT-3.10.3-2] SUBSCRIBE and UNSUBSCRIBE without a filter, or with reserved options, end the connection', async () => {
    const none = (level: Level): string => (level === 5 ? '00' : '');
    const option = (value: number) => (level: Level) => packet(0x82, `0001${none(level)}${field('a')}${value.toString(16).padStart(2, '0')}`);
    await run([
      ...on(LEVELS, 'SUBSCRIBE without a filter', 0x82, (level) => packet(0x82, `0001${none(level)}`)),
      ...on(LEVELS, 'UNSUBSCRIBE without a filter', 0x82, (level) => packet(0xa2, `0001${none(level)}`)),
      ...on([3, 4], 'a reserved option', 0x81, option(0x04)),
      ...on([3, 4], 'the highest option', 0x81, option(0x80)),
      ...on([5], 'reserved option 0x40', 0x81, option(0x40)),
      ...on([5], 'reserved option 0x80', 0x81, option(0x80)),
      ...on([5], 'retain handling 3', 0x82, option(0x30)),
      ...on(LEVELS, 'QoS 3', 0x82, option(0x03)),
      ...on(LEVELS, 'SUBSCRIBE without anything', 0x81, () => '82 00'),
    ]);
  });

  it('5.0 [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1] [MQTT-3.15.2-1] a reason code that the packet does not have ends the connection', async () => {
    const ack = (first: number, code: number): string => packet(first, `0001${code.toString(16).padStart(2, '0')}`);
    await run([
      ...[0x01, 0x11, 0x81, 0x8e, 0xff].flatMap((code) => on([5], `PUBACK ${code}`, 0x82, () => ack(0x40, code))),
      ...[0x01, 0x18, 0x92, 0xff].flatMap((code) => on([5], `PUBREC ${code}`, 0x82, () => ack(0x50, code))),
      ...[0x01, 0x10, 0x80, 0xff].flatMap((code) => on([5], `PUBREL ${code}`, 0x82, () => ack(0x62, code))),
      ...[0x01, 0x10, 0x80, 0xff].flatMap((code) => on([5], `PUBCOMP ${code}`, 0x82, () => ack(0x70, code))),
      ...[0x01, 0x8b, 0x8e, 0xff].flatMap((code) => on([5], `DISCONNECT ${code}`, 0x82, () => packet(0xe0, code.toString(16).padStart(2, '0')))),
      ...[0x00, 0x01, 0x80].flatMap((code) => on([5], `AUTH ${code}`, 0x82, () => packet(0xf0, code.toString(16).padStart(2, '0') + properties()))),
    ]);
  });

  it('an acknowledgement that does not fit the QoS is a protocol error; one for nothing is none', async () => {
    await eachLevel(LEVELS, async (level) => {
      for (const [qos, wrong] of [
        [1, 0x50],
        [1, 0x70],
        [2, 0x40],
        [2, 0x70],
      ] as const) {
        const topic = scene.name('wrong/');
        const peer = await scene.open(level);
        await peer.subscribe([[topic, qos]]);
        const publisher = await scene.open(level);
        publisher.publish({ topic, qos: 2, packetId: 1 });
        await publisher.expect(pubrec(1));
        publisher.send('62 02 00 01');
        const { packetId } = await peer.next();
        peer.send(packet(wrong, uint16(packetId ?? 0)));
        await peer.expelled(0x82);
        publisher.wire.reset();
      }
      const peer = await scene.open(level);
      peer.send('40 02 00 09 70 02 00 09');
      await peer.silence();
    });
  });
});
