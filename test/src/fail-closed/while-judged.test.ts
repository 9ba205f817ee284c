import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { residentBytes } from '../fuzz/process-figures.js';
import type { Behaviour } from '../hooks/actor.js';
import { connectPacket, refusal, Stage, VERSIONS, type Version } from '../hooks/stage.js';
import { auth, field, PINGREQ, publish, subscribe } from '../support/packets.js';
import { fromHex, type WireClient } from '../support/wire-client.js';

const TIMEOUT_MS = 400;
const NAMED = { identity: { username: 'somebody' } };
const ALLOW: Behaviour = ['allow', NAMED];
const WILL = { topic: 'will', payload: 'gone', retain: true };
const METHOD = `15 ${field('PLAIN')}`;

describe('a client that is still being judged', () => {
  let stage: Stage;
  let watcher: WireClient;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: {
          taps: ['authenticate', 'authenticateEnhanced', 'loadPolicy', 'sessionTakenOver'],
          methods: ['PLAIN'],
          entry: { timeoutMs: TIMEOUT_MS },
        },
        patient: { taps: ['authenticate', 'loadPolicy'] },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        patient: { authenticate: ['patient'], authorize: ['patient'] },
      },
    });
    watcher = await stage.login('3.1.1', { clientId: 'watcher' }, 'patient');
    watcher.send(subscribe({ packetId: 1, filters: [['#', 0]] }));
    await watcher.expect('90 03 00 01 00');
  });

  after(async () => assert.equal(await stage.stop(), 0));

  beforeEach(async () => {
    for (const actor of ['mind', 'patient']) await stage.script(actor, {});
    await stage.forget();
  });

  const name = (): string => {
    next += 1;
    return `c${next}`;
  };
  const stat = async (counter: string): Promise<number> => (await stage.call('patient', 'stats.get', counter)) as number;
  const sessions = (clientId: string): Promise<unknown> => stage.call('mind', 'sessions.find', { clientId });
  const accepted = async (client: WireClient): Promise<void> => assert.match(await client.readPacket('CONNACK'), /^20 [0-9a-f]{2} 00 00\b/);

  /** Nothing was routed since the last time: this message is the next that the watcher sees. */
  async function nothingRouted(): Promise<void> {
    const marker = name();
    watcher.send(publish({ topic: marker }));
    await watcher.expect(publish({ topic: marker }));
  }

  it('is refused when the first of two answers denies, and gets one CONNACK; the second answer is counted and changes nothing', async () => {
    await stage.script('mind', { authenticate: ['first', ['deny', 'not-authorized'], ALLOW] });
    for (const version of VERSIONS) {
      const before = await stat('secondAnswers');
      const clientId = name();
      const client = await stage.knock(version, { clientId, username: 'u', will: WILL });
      await client.expect(refusal(version, 5, 0x87));
      await client.expectClosed();
      assert.equal(await stat('secondAnswers'), before + 1);
      assert.deepEqual(await sessions(clientId), []);
    }
    await nothingRouted();
  });

  it('is let in when the first of two answers allows, and gets one CONNACK; the second answer is counted and changes nothing', async () => {
    await stage.script('mind', { authenticate: ['first', ALLOW, ['deny', 'not-authorized']] });
    for (const version of VERSIONS) {
      const before = await stat('secondAnswers');
      const client = await stage.knock(version, { clientId: name(), username: 'u' });
      await accepted(client);
      await client.silence();
      assert.equal(await stat('secondAnswers'), before + 1);
      client.close();
    }
  });

  it('is refused as unavailable when its time is over, not before, and is not let in by an answer that comes later', async () => {
    await stage.script('mind', { authenticate: ['hold', ALLOW] });
    const late = await stat('lateAnswers');
    const began = performance.now();
    const clients = [];
    for (const version of VERSIONS) {
      const clientId = name();
      clients.push({ version, clientId, client: await stage.knock(version, { clientId, username: 'u', will: WILL }) });
    }
    for (const { version, client } of clients) {
      await client.expect(refusal(version, 3, 0x88));
      await client.expectClosed();
    }
    assert.ok(performance.now() - began >= TIMEOUT_MS);
    await stage.release('mind');
    for (const { clientId } of clients) assert.deepEqual(await sessions(clientId), []);
    assert.equal(await stat('lateAnswers'), late + clients.length);
    await nothingRouted();
  });

  it('is refused when nobody ever answers, and the plugin hears through its signal that nobody waits any more', async () => {
    await stage.script('mind', { authenticate: ['hang'] });
    for (const version of VERSIONS) {
      await stage.forget();
      const client = await stage.knock(version, { clientId: name(), username: 'u' });
      await client.expect(refusal(version, 3, 0x88));
      await client.expectClosed();
      await stage.heard('mind', 'aborted', ({ hook }: { hook: string }) => hook === 'authenticate');
    }
  });

  it('takes nothing over and leaves no will when it goes before the answer; whoever has the session keeps it', async () => {
    for (const version of VERSIONS) {
      const clientId = name();
      const living = await stage.login(version, { clientId, username: 'somebody' });
      await stage.forget();
      await stage.script('mind', { [`authenticate ${clientId}`]: ['hang'] });
      const passing = await stage.knock(version, { clientId, username: 'somebody', will: WILL });
      await stage.heard('mind', 'authenticate');
      passing.reset();
      await stage.heard('mind', 'aborted', ({ hook }: { hook: string }) => hook === 'authenticate');
      assert.deepEqual(await stage.asked('mind', 'sessionTakenOver'), []);
      await living.silence();
      await nothingRouted();
      living.close();
    }
  });

  it('keeps nobody else with its identifier out: both are judged, and the later one takes over from the earlier', async () => {
    for (const version of VERSIONS) {
      const clientId = name();
      await stage.forget();
      await stage.script('mind', { [`authenticate ${clientId}`]: ['hold', ALLOW] });
      const first = await stage.knock(version, { clientId, username: 'u' });
      await stage.heard('mind', 'authenticate');
      await stage.forget();
      const second = await stage.knock(version, { clientId, username: 'u' });
      await stage.heard('mind', 'authenticate');
      await stage.release('mind');
      await accepted(first);
      if (version === '5.0') await first.expect('e0 01 8e');
      await first.expectClosed();
      await accepted(second);
      await second.silence();
      second.close();
    }
  });

  it('may send ahead, but nothing of it has an effect when it is denied', async () => {
    for (const version of VERSIONS) {
      await stage.forget();
      await stage.script('mind', { authenticate: ['hold', ['deny', 'not-authorized']] });
      const client = await stage.knock(version, { clientId: name(), username: 'u' });
      const props = version === '5.0' ? { properties: '' } : {};
      client.send(subscribe({ packetId: 1, filters: [['#', 1]], ...props }));
      for (const qos of [0, 1, 2] as const) client.send(publish({ topic: 'ahead', payload: 'x', qos, retain: true, packetId: 2 + qos, ...props }));
      client.send(PINGREQ);
      await stage.heard('mind', 'authenticate');
      await stage.release('mind');
      await client.expect(refusal(version, 5, 0x87));
      await client.expectClosed();
    }
    await nothingRouted();
    assert.equal(await stage.call('mind', 'retained.get', 'ahead'), undefined);
  });

  it('may not send ahead more than a limit: it is closed without an answer, and the plugin hears that', async () => {
    for (const version of VERSIONS) {
      await stage.forget();
      await stage.script('mind', { authenticate: ['hang'] });
      const client = await stage.knock(version, { clientId: name(), username: 'u' });
      await stage.heard('mind', 'authenticate');
      client.send(Buffer.alloc(200_000, 0xc0));
      await stage.heard('mind', 'aborted', ({ hook }: { hook: string }) => hook === 'authenticate');
      await client.expectClosed().catch((error: Error) => assert.match(error.message, /reset/i));
    }
  });

  it('gets no session without rights: whoever has the session keeps it when they cannot be loaded for the next one', async () => {
    for (const version of VERSIONS) {
      const clientId = name();
      const living = await stage.login(version, { clientId, username: 'somebody' });
      await stage.script('mind', { [`loadPolicy ${clientId}`]: ['throw'] });
      const client = await stage.knock(version, { clientId, username: 'somebody', will: WILL });
      await client.expect(refusal(version, 3, 0x88));
      await client.expectClosed();
      await living.silence();
      living.close();
    }
    await nothingRouted();
  });

  it('may leave in the middle of an exchange of proofs: nothing is sent, and no session is made', async () => {
    const clientId = name();
    await stage.script('mind', { authenticateEnhanced: ['continue', { $bytes: '01' }] });
    const client = await stage.knock('5.0', { clientId, properties: METHOD, will: WILL });
    await client.expect(auth(0x18, `${METHOD} 16 00 01 01`));
    await stage.script('mind', { authenticateEnhanced: ['hang'] });
    await stage.forget();
    client.send(auth(0x18, METHOD));
    await stage.heard('mind', 'authenticateEnhanced');
    client.reset();
    await stage.heard('mind', 'aborted', ({ hook }: { hook: string }) => hook === 'authenticateEnhanced');
    assert.deepEqual(await sessions(clientId), []);
    await nothingRouted();
  });
});

describe('a client whose name no plugin should have to cope with', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: { mind: { taps: ['authenticate', 'loadPolicy', 'admitClient', 'resolveTenant'], entry: { breaker: { faults: 1 } } } },
      chains: { main: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'] } },
    });
  });

  after(async () => assert.equal(await stage.stop(), 0));

  const nobodyAsked = async (): Promise<void> => {
    for (const hook of ['resolveTenant', 'admitClient', 'authenticate']) assert.deepEqual(await stage.asked('mind', hook), [], hook);
  };

  /** A CONNECT whose username is these bytes. */
  function connect(version: Version, username: string): string {
    const [protocol, level, properties] = { '3.1': ['MQIsdp', '03', ''], '3.1.1': ['MQTT', '04', ''], '5.0': ['MQTT', '05', '00'] }[version] as [
      string,
      string,
      string,
    ];
    const body = `${field(protocol)}${level}820000${properties}${field('c')}${username.replaceAll(' ', '')}`;
    return `10 ${(body.length / 2).toString(16).padStart(2, '0')} ${body}`;
  }

  it('is never let in with a NUL or with bytes that are no UTF-8 in its username, and nobody is asked', async () => {
    await stage.forget();
    for (const version of VERSIONS) {
      for (const username of ['00 03 61 00 62', '00 02 c3 28', '00 03 ed a0 80', '00 02 c0 80', '00 04 f4 90 80 80', '00 01 80']) {
        const client = await stage.open();
        client.send(connect(version, username));
        if (version === '5.0') await client.expect('20 03 00 81 00').catch((error: Error) => assert.match(error.message, /came \[\]/));
        await client.expectClosed();
      }
    }
    await nobodyAsked();
    // Nobody failed, so nobody is kept away from the next one.
    (await stage.login('5.0', { clientId: 'sound' })).close();
  });

  it('is refused as an unknown user when its username is longer than any may be, and nobody is asked', async () => {
    await stage.forget();
    const fields = { clientId: 'long', username: 'u'.repeat(65_535) };
    for (const version of VERSIONS) {
      const client = await stage.knock(version, fields);
      await client.expect(refusal(version, 4, 0x86));
      await client.expectClosed();
    }
    await nobodyAsked();
  });

  it('takes no memory, however often it comes with the longest of names', async () => {
    const fields = { clientId: 'long', username: 'u'.repeat(65_535) };
    const packets = new Map(VERSIONS.map((version) => [version, fromHex(connectPacket(version, fields))]));
    const once = async (version: Version): Promise<void> => {
      const client = await stage.open();
      client.send(packets.get(version) ?? '');
      await client.expect(refusal(version, 4, 0x86));
      await client.expectClosed();
    };
    const often = async (times: number): Promise<number> => {
      let left = times;
      const work = async (): Promise<void> => {
        for (; left > 0; left -= 1) await once(VERSIONS[left % VERSIONS.length] as Version);
      };
      await Promise.all(Array.from({ length: 20 }, work));
      return residentBytes(stage.broker.pid) ?? 0;
    };
    // What every process takes for its first buffers is there before it is looked at.
    const first = await often(1000);
    const later = await often(10_000);
    assert.ok(later - first < 64 * 1024 * 1024, `${later - first} bytes more after 10,000 names of 64 KiB`);
    await nobodyAsked();
  });
});
