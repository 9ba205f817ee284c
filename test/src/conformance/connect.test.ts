import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect5, connect31, connect311, field, packet, properties, publish, subscribe, uint32 } from '../support/packets.js';
import { readPacketText } from './packet-reader.js';
import { connectOf, eachCase, eachLevel, LEVELS, type Level, lasting, Peer, Scene } from './scene.js';

/** A CONNECT of which every byte before the payload is given. */
function rawConnect(level: Level, flags: number, payload: string, name = level === 3 ? 'MQIsdp' : 'MQTT', version: number = level): string {
  const head = field(name) + version.toString(16).padStart(2, '0') + flags.toString(16).padStart(2, '0');
  return packet(0x10, `${head}0000${level === 5 ? '00' : ''}${payload}`);
}

describe('CONNECT', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-3.1.4-4] [MQTT-3.2.0-1] 5.0 [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-1] a good one is answered by one CONNACK, first, with clear flags', async () => {
    await eachLevel(LEVELS, async (level) => {
      const wire = await scene.wire();
      // What is pipelined behind it is answered after it.
      wire.send(
        connectOf(level, { clientId: scene.name() }) + subscribe(level === 5 ? { filters: [['a', 0]], properties: '' } : { filters: [['a', 0]] }),
      );
      const connack = await wire.readPacket();
      if (level === 5) assert.match(connack, /^20 [0-9a-f]{2} 00 00/);
      else assert.equal(connack, '20 02 00 00');
      await wire.expect(level === 5 ? '90 04 00 01 00 00' : '90 03 00 01 00');
      await wire.silence();
      wire.close();
    });
  });

  it('3.1.1 [MQTT-3.1.0-1] 5.0 [MQTT-3.1.0-1] any other first packet closes at its first byte, before its body comes', async () => {
    const firsts = [0x00, 0x20, 0x30, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0];
    await eachCase(
      firsts.map((first) => [`first byte ${first.toString(16)}`, first] as const),
      (first) => scene.speechless(first.toString(16).padStart(2, '0')),
    );
    await scene.speechless('474554202f20485454502f312e310d0a0d0a // an HTTP request');
  });

  it('3.1.1 [MQTT-3.1.0-2] 5.0 [MQTT-3.1.0-2] a second one ends the connection, even if it is the same or behind the first in one write', async () => {
    await eachLevel(LEVELS, async (level) => {
      const peer = await scene.open(level);
      peer.send(connectOf(level, { clientId: scene.name() }));
      await peer.expelled(0x82);
      const wire = await scene.wire();
      const one = connectOf(level, { clientId: scene.name() });
      wire.send(one + one);
      const twice = new Peer(wire, level);
      await twice.packet(2);
      await twice.expelled(0x82);
    });
  });

  it('3.1.1 [MQTT-3.1.2-1] [MQTT-3.1.2-2] 5.0 [MQTT-3.1.2-1] [MQTT-3.1.2-2] an unknown name or level is refused in the shape that the client can read', async () => {
    const id = field('x');
    const cases: [string, string, string][] = [
      ['level 0', rawConnect(4, 2, id, 'MQTT', 0), '20 02 00 01'],
      ['level 2', rawConnect(4, 2, id, 'MQTT', 2), '20 02 00 01'],
      ['level 3 with the newer name', rawConnect(4, 2, id, 'MQTT', 3), '20 02 00 01'],
      ['level 4 with the older name', rawConnect(4, 2, id, 'MQIsdp', 4), '20 02 00 01'],
      ['another name', rawConnect(4, 2, id, 'MQTS', 4), '20 02 00 01'],
      ['a name in lower case', rawConnect(4, 2, id, 'mqtt', 4), '20 02 00 01'],
      ['a bridge of level 3', rawConnect(3, 2, id, 'MQIsdp', 0x83), '20 02 00 01'],
      ['a bridge of level 4', rawConnect(4, 2, id, 'MQTT', 0x84), '20 02 00 01'],
      ['level 6', rawConnect(5, 2, id, 'MQTT', 6), '20 03 00 84 00'],
      ['level 127', rawConnect(5, 2, id, 'MQTT', 127), '20 03 00 84 00'],
      ['another name at level 5', rawConnect(5, 2, id, 'MQTTX', 5), '20 03 00 84 00'],
    ];
    await eachCase(
      cases.map(([name, bytes, answer]) => [name, { bytes, answer }] as const),
      async ({ bytes, answer }) => {
        const wire = await scene.wire();
        wire.send(bytes);
        await wire.expect(answer);
        await wire.expectClosed();
      },
    );
  });

  it('3.1.1 [MQTT-3.1.2-3] [MQTT-3.1.4-1] 5.0 [MQTT-3.1.2-3] [MQTT-3.1.4-1] the reserved flag, or a body that is cut off or too long, closes without a CONNACK', async () => {
    const cases: [string, string][] = [];
    for (const level of LEVELS) {
      cases.push([`${level}: reserved flag`, rawConnect(level, 0x03, field('x'))]);
      cases.push([`${level}: no client identifier field`, rawConnect(level, 0x02, '')]);
      cases.push([`${level}: identifier longer than the packet`, rawConnect(level, 0x02, '0005 6162')]);
      cases.push([`${level}: a byte left over`, rawConnect(level, 0x02, `${field('x')}00`)]);
      cases.push([`${level}: flags missing`, packet(0x10, `${field(level === 3 ? 'MQIsdp' : 'MQTT')}0${level}`)]);
    }
    for (const first of [0x11, 0x12, 0x14, 0x18]) {
      cases.push([`flags in the fixed header: ${first}`, connectOf(4, { clientId: 'x' }).replace(/^10/, first.toString(16))]);
    }
    cases.push(['an empty body', '10 00']);
    cases.push(['a name longer than the packet', packet(0x10, 'ffff 4d515454 04 02 0000 000178')]);
    await eachCase(cases, (bytes) => scene.speechless(bytes));
  });

  it('3.1.1 [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.2-20] [MQTT-3.1.2-21] [MQTT-3.1.2-22] 5.0 [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] flags and fields of user name and password agree', async () => {
    const x = field('x');
    for (const level of [4, 5] as const) {
      await scene.speechless(rawConnect(level, 0x82, x)); // promised, not there
      await scene.speechless(rawConnect(level, 0xc2, x + field('alice')));
      await scene.speechless(rawConnect(level, 0x02, x + field('alice'))); // there, not promised
      await scene.speechless(rawConnect(level, 0x82, x + field('alice') + field('secret')));
      const peer = await scene.open(level, { username: 'alice', password: 'secret' });
      await peer.leave();
    }
    // A password alone: malformed before 5.0, allowed in 5.0, where it is nobody's here.
    await scene.speechless(rawConnect(3, 0x42, x + field('secret')));
    await scene.speechless(rawConnect(4, 0x42, x + field('secret')));
    assert.equal(await scene.refusal(5, { clientId: scene.name(), password: 'secret' }), 0x86);
    // MQTT 3.1 lets the remaining length overrule the flags: nothing left means not sent.
    const wire = await scene.wire();
    wire.send(rawConnect(3, 0xc2, field(scene.name())));
    await wire.expect('20 02 00 00');
    wire.close();
  });

  it('3.1.1 [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-14] [MQTT-3.1.2-15] 5.0 [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] will flags and fields agree', async () => {
    const cases: [string, string][] = [];
    for (const level of LEVELS) {
      const x = field('x');
      const will = (level === 5 ? '00' : '') + field('w') + field('gone');
      cases.push([`${level}: will promised, not there`, rawConnect(level, 0x06, x)]);
      cases.push([`${level}: will topic without a message`, rawConnect(level, 0x06, x + (level === 5 ? '00' : '') + field('w'))]);
      cases.push([`${level}: will there, not promised`, rawConnect(level, 0x02, x + will)]);
      cases.push([`${level}: will QoS 3`, rawConnect(level, 0x1e, x + will)]);
      cases.push([`${level}: QoS 1 without a will`, rawConnect(level, 0x0a, x)]);
      cases.push([`${level}: QoS 2 without a will`, rawConnect(level, 0x12, x)]);
      cases.push([`${level}: retain without a will`, rawConnect(level, 0x22, x)]);
      cases.push([`${level}: QoS 3 without a will`, rawConnect(level, 0x1a, x)]);
      cases.push([`${level}: a wildcard in the will topic`, rawConnect(level, 0x06, x + (level === 5 ? '00' : '') + field('w/#') + field('gone'))]);
      cases.push([`${level}: an empty will topic`, rawConnect(level, 0x06, x + (level === 5 ? '00' : '') + field('') + field('gone'))]);
    }
    await eachCase(cases, (bytes) => scene.speechless(bytes));
  });

  it('3.1.1 [MQTT-3.1.3-1] [MQTT-3.1.3-3] 5.0 [MQTT-3.1.3-1] [MQTT-3.1.3-3] the payload is read in its order: identifier, will, user name, password', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('will/');
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 0]]);
      const clientId = scene.name();
      const peer = await scene.open(level, { clientId, username: 'alice', password: 'secret', will: { topic, payload: clientId } });
      peer.wire.reset();
      assert.equal((await listener.next()).payload, clientId);
    });
  });

  it('3.1.1 [MQTT-3.1.3-2] [MQTT-3.1.3-5] 5.0 [MQTT-3.1.3-2] [MQTT-3.1.3-5] every identifier of 1 to 23 letters and digits is taken, and names a session of its own', async () => {
    const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    const ids = [...alphabet, ...[0, 13, 26, 39].map((from) => alphabet.slice(from, from + 23))];
    await eachLevel(LEVELS, async (level) => {
      for (const clientId of ids) {
        const peer = await scene.open(level, { clientId: `${clientId.slice(0, 22)}${level}`, ...lasting(level) });
        assert.equal(peer.sessionPresent, false);
        peer.wire.reset();
      }
    });
    const long = 'i'.repeat(65_535 - 200);
    await eachLevel([4, 5], async (level) => {
      const peer = await scene.open(level, { clientId: long.slice(level) });
      await peer.leave();
    });
  });

  it('3.1.1 [MQTT-3.1.3-6] 5.0 [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] an empty identifier gets one of its own, which 5.0 is told and may use', async () => {
    const [one, other] = [await scene.open(4, { clientId: '' }), await scene.open(4, { clientId: '' })];
    // Each has its own session: the second did not take the first over.
    await one.silence();
    await other.silence();
    const first = await scene.open(5, { clientId: '', ...lasting(5) });
    const second = await scene.open(5, { clientId: '' });
    const assigned = Buffer.from(first.property(0x12) ?? '', 'hex').toString();
    assert.match(assigned, /^.{8,}$/);
    assert.notEqual(first.property(0x12), second.property(0x12));
    await first.leave();
    const back = await scene.open(5, { clientId: assigned, cleanSession: false });
    assert.equal(back.sessionPresent, true);
    assert.equal(back.property(0x12), undefined, 'an identifier that the client chose is not assigned');
  });

  it('3.1.1 [MQTT-3.1.3-8] [MQTT-3.1.3-9] [MQTT-3.2.2-4] [MQTT-3.2.2-5] an empty identifier for a lasting session is refused with 2, then the connection closes', async () => {
    assert.equal(await scene.refusal(4, { clientId: '', cleanSession: false }), 2);
    assert.equal(await scene.refusal(3, { clientId: '' }), 2);
    assert.equal(await scene.refusal(3, { clientId: '', cleanSession: false }), 2);
  });

  it('3.1.1 [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] 5.0 [MQTT-3.2.2-2] [MQTT-3.2.2-3] session present is right in all four cases', async () => {
    await eachLevel([4, 5], async (level) => {
      const clientId = scene.name();
      const present: boolean[] = [];
      for (const cleanSession of [true, false, false, true]) {
        const peer = await scene.open(level, { clientId, ...lasting(level), cleanSession });
        present.push(peer.sessionPresent);
        await peer.leave();
      }
      // 3.1.1: a clean session leaves nothing behind. 5.0: the expiry says so, not Clean Start.
      assert.deepEqual(present, level === 4 ? [false, false, true, false] : [false, true, true, false]);
    });
    // MQTT 3.1 knows no such flag: the byte stays 0.
    const clientId = scene.name();
    for (let i = 0; i < 2; i += 1) {
      const wire = await scene.wire();
      wire.send(connect31({ clientId, cleanSession: false }));
      await wire.expect('20 02 00 00');
      wire.send('e0 00');
      await wire.expectClosed();
    }
  });

  it('5.0 [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] bad credentials are refused by a code of CONNACK, without a session, and the connection closes', async () => {
    for (const [level, code] of [
      [3, 4],
      [4, 4],
      [5, 0x86],
    ] as const) {
      const clientId = scene.name();
      const owner = await scene.open(level, { clientId, username: 'alice', password: 'secret', ...lasting(level) });
      await owner.leave();
      assert.equal(await scene.refusal(level, { clientId, username: 'alice', password: 'wrong', cleanSession: false }), code);
      assert.equal(await scene.refusal(level, { clientId, username: 'carol', password: 'secret', cleanSession: false }), code);
      assert.equal(await scene.refusal(level, { clientId, username: '', password: '', cleanSession: false }), code);
      if (level === 3) continue;
      const back = await scene.open(level, { clientId, username: 'alice', password: 'secret', ...lasting(level) });
      assert.equal(back.sessionPresent, true, 'a refused CONNECT has no effect on the session');
      await back.leave();
    }
  });

  it('3.1.1 [MQTT-3.1.4-5] 5.0 [MQTT-3.1.4-6] [MQTT-3.14.0-1] what is pipelined behind a refused CONNECT has no effect, and no DISCONNECT is sent', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('pipelined/');
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 1]]);
      const wire = await scene.wire();
      const message = publish({ topic, payload: 'in', qos: 1, retain: true, ...(level === 5 ? { properties: '' } : {}) });
      wire.send(
        connectOf(level, { clientId: scene.name(), username: 'alice', password: 'wrong', will: { topic, payload: 'will' } }) + message + message,
      );
      const connack = readPacketText(await wire.readPacket(), level);
      assert.equal(connack.code, level === 5 ? 0x86 : 4);
      await wire.expectClosed();
      await listener.silence();
      const late = await scene.open(level);
      await late.subscribe([[topic, 1]]);
      await late.silence();
    });
  });

  it('5.0 [MQTT-3.1.3-8] another principal that brings the identifier is refused with 2 or 0x85, and the owner is not disturbed', async () => {
    await eachLevel(LEVELS, async (level) => {
      const clientId = scene.name();
      const owner = await scene.open(level, { clientId, username: 'alice', password: 'secret', ...lasting(level) });
      await owner.subscribe([[clientId, 1]]);
      for (const thief of [{ username: 'bob', password: 'hidden' }, {}]) {
        for (const cleanSession of [true, false]) {
          assert.equal(await scene.refusal(level, { clientId, cleanSession, ...thief }), level === 5 ? 0x85 : 2);
        }
      }
      await owner.silence();
      await owner.leave();
      // Also while it is away.
      assert.equal(await scene.refusal(level, { clientId, username: 'bob', password: 'hidden' }), level === 5 ? 0x85 : 2);
      const back = await scene.open(level, { clientId, username: 'alice', password: 'secret', ...lasting(level) });
      if (level !== 3) assert.equal(back.sessionPresent, true);
      back.publish({ topic: clientId, payload: 'still mine' });
      assert.equal((await back.next()).payload, 'still mine');
    });
  });

  it('5.0 [MQTT-3.1.2-28] [MQTT-3.2.2-19] [MQTT-3.2.2-20] CONNACK holds neither response information, reason string nor user properties, also when the client asks for them', async () => {
    for (const asked of ['', '1900', '1901', '1700 1900', '1701']) {
      const peer = await scene.open(5, { properties: asked });
      const ids = peer.connack?.properties.map(([id]) => id) ?? [];
      assert.equal(new Set(ids).size, ids.length, 'a property stands twice');
      for (const id of [0x1a, 0x1f, 0x26, 0x1c, 0x15, 0x16]) assert.ok(!ids.includes(id), `property 0x${id.toString(16)}`);
      await peer.leave();
    }
  });

  it('more before acceptance than the limit allows closes, whatever it is', async () => {
    // Within its remaining length, the claim alone is enough.
    await scene.speechless('10 ff ff 7f');
    const wire = await scene.wire();
    wire.send(`10 ff ff 07 ${connect311({ clientId: 'x' })}`);
    wire.send(Buffer.alloc(131_072));
    await wire.expectClosed();
    // A refused client may send what it likes behind its CONNECT: it is thrown away.
    const flood = await scene.wire();
    flood.send(connect5({ clientId: scene.name(), username: 'alice', password: 'wrong' }));
    flood.send(Buffer.alloc(300_000, 0xc0));
    const answer = await flood.readPacket().catch(() => 'closed');
    assert.match(answer, /^20 03 00 86 00$|^closed$/);
  });

  it('5.0 [MQTT-2.2.2-1] properties of CONNECT and of the will have a length even if there are none', async () => {
    await scene.speechless(packet(0x10, `${field('MQTT')}05020000${field('x')}`));
    await scene.speechless(packet(0x10, `${field('MQTT')}05060000${properties()}${field('x')}${field('w')}${field('p')}`));
    await scene.speechless(packet(0x10, `${field('MQTT')}05020000 ff01 ${field('x')}`));
    const peer = await scene.open(5, { properties: `11${uint32(1)} 210001 2700001000 220001 1901 1701 26${field('a')}${field('b')}` });
    await peer.leave();
  });
});
