import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { WITHOUT_DEBIAN } from '../support/debian-tools.js';
import { type Login, messages, pub, pubRaw, QOS, startSub, sub, VERSIONS } from './mosquitto-clients.js';

const options = { skip: WITHOUT_DEBIAN };
const ACL = 'user alice\ntopic readwrite t/#\ntopic read seen/#\n';

describe('mosquitto_sub and mosquitto_pub', options, () => {
  let broker: BrokerProcess;
  let alice: Login;

  before(async () => {
    broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, ACL) });
    alice = { port: broker.port('local'), username: 'alice', password: 'secret' };
  });

  after(async () => assert.equal(await broker.stop(), 0));

  for (const version of VERSIONS) {
    for (const qos of QOS) {
      const topic = (kind: string): string => `t/${kind}/${version}/${qos}`;
      const q = ['-q', String(qos)];

      it(`exchange a message as it is sent, ${version}, QoS ${qos}`, async () => {
        const subscriber = await startSub(alice, version, ['-t', topic('live'), ...q, '-C', '1']);
        await pub(alice, version, ['-t', topic('live'), ...q, '-m', 'grüße']);
        const result = await subscriber.ended;
        assert.deepEqual(messages(result), [`${qos} 0 ${topic('live')} grüße`]);
        assert.equal(result.code, 0);
      });

      it(`exchange a retained message, ${version}, QoS ${qos}`, async () => {
        await pub(alice, version, ['-t', topic('retained'), ...q, '-r', '-m', 'kept']);
        const result = await sub(alice, version, ['-t', topic('retained'), ...q, '-C', '1']);
        assert.deepEqual(messages(result), [`${qos} 1 ${topic('retained')} kept`]);
        await pub(alice, version, ['-t', topic('retained'), ...q, '-r', '-n']);
        const subscriber = await startSub(alice, version, ['-t', topic('retained'), ...q, '-C', '1']);
        await pub(alice, version, ['-t', topic('retained'), ...q, '-m', 'after']);
        assert.deepEqual(messages(await subscriber.ended), [`${qos} 0 ${topic('retained')} after`], 'the retained message was cleared');
      });

      it(`exchange a will, ${version}, QoS ${qos}`, async () => {
        const subscriber = await startSub(alice, version, ['-t', topic('will'), ...q, '-C', '1']);
        const will = ['--will-topic', topic('will'), '--will-payload', 'gone', '--will-qos', String(qos)];
        const dying = await startSub(alice, version, ['-t', topic('unused'), ...will]);
        dying.stop('SIGKILL');
        assert.deepEqual(messages(await subscriber.ended), [`${qos} 0 ${topic('will')} gone`]);
        await dying.ended;
      });

      it(`leave out the will of a client that says goodbye, ${version}, QoS ${qos}`, async () => {
        const subscriber = await startSub(alice, version, ['-t', topic('no-will'), ...q, '-C', '1']);
        const will = ['--will-topic', topic('no-will'), '--will-payload', 'gone', '--will-qos', String(qos)];
        await sub(alice, version, ['-t', topic('unused'), ...will, '-E']);
        await pub(alice, version, ['-t', topic('no-will'), ...q, '-m', 'first']);
        assert.deepEqual(messages(await subscriber.ended), [`${qos} 0 ${topic('no-will')} first`]);
      });

      it(`find their session again, ${version}, QoS ${qos}`, async () => {
        const id = `s-${version}-${qos}`;
        const session = ['-i', id, '-c', ...(version === 'mqttv5' ? ['-x', '600'] : []), '-t', topic('session'), ...q];
        await sub(alice, version, [...session, '-E']);
        for (const text of ['one', 'two', 'three']) await pub(alice, version, ['-t', topic('session'), ...q, '-m', text]);
        // Messages of QoS 0 wait for nobody; those of QoS 1 and 2 come in order, then what is sent now.
        const waiting = qos === 0 ? [] : ['one', 'two', 'three'];
        const subscriber = await startSub(alice, version, [...session, '-C', String(waiting.length + 1)]);
        await pub(alice, version, ['-t', topic('session'), ...q, '-m', 'now']);
        const wanted = [...waiting, 'now'].map((text) => `${qos} 0 ${topic('session')} ${text}`);
        assert.deepEqual(messages(await subscriber.ended), wanted);
      });
    }

    it(`are told of a wrong password, an unknown user and a missing one, ${version}`, async () => {
      for (const stranger of [
        { ...alice, password: 'wrong' },
        { ...alice, username: 'nobody' },
      ]) {
        const result = await sub(stranger, version, ['-t', 't/x']);
        assert.match(result.stderr, /bad user ?name or password/i);
        assert.notEqual(result.code, 0);
        const published = await pubRaw(stranger, version, ['-t', 't/x', '-m', 'x']);
        assert.match(published.stderr, /bad user ?name or password/i);
        assert.notEqual(published.code, 0);
      }
    });

    it(`see what their rights allow and nothing else, ${version}`, async () => {
      const subscriber = await startSub(alice, version, ['-t', 't/rights', '-q', '1', '-C', '1']);
      await pubRaw(alice, version, ['-t', 'seen/a', '-q', '1', '-m', 'not allowed']);
      await pubRaw(alice, version, ['-t', 'elsewhere', '-q', '1', '-m', 'not allowed', '-r']);
      await pub(alice, version, ['-t', 't/rights', '-q', '1', '-m', 'allowed']);
      assert.deepEqual(messages(await subscriber.ended), ['1 0 t/rights allowed']);
    });
  }

  it('understand each other across versions', async () => {
    for (const from of VERSIONS) {
      for (const to of VERSIONS) {
        const subscriber = await startSub(alice, to, ['-t', 't/across', '-q', '2', '-C', '1']);
        await pub(alice, from, ['-t', 't/across', '-q', '2', '-m', `${from}-${to}`]);
        assert.deepEqual(messages(await subscriber.ended), [`2 0 t/across ${from}-${to}`]);
      }
    }
  });

  it('receive payloads of many sizes byte for byte', async () => {
    for (const size of [0, 1, 127, 128, 16_383, 16_384, 100_000]) {
      const subscriber = await startSub(alice, 'mqttv311', ['-t', 't/size', '-q', '1', '-C', '1']);
      await pub(alice, 'mqttv5', ['-t', 't/size', '-q', '1', ...(size === 0 ? ['-n'] : ['-m', 'x'.repeat(size)])]);
      const [message = ''] = messages(await subscriber.ended);
      assert.equal(message.length - '1 0 t/size '.length, size);
    }
  });
});
