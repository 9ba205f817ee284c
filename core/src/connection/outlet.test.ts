import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Message, Mount } from '../gate/index.js';
import { FakeTransport } from './connection.test.support.js';
import { Flusher, OutBuffer } from './out-buffer.js';
import { ConnectionOutlet } from './outlet.js';

function messageOf(topic: string): Message {
  return new Message({
    topic,
    topicBytes: Buffer.from(topic),
    payload: Buffer.from('!'),
    qos: 1,
    retain: false,
    properties: null,
    expiresAt: 0,
    publisherClientId: 'p',
    publisher: null,
  });
}

test('What is taken back from a client below a mountpoint is judged, and told of, by the whole topic.', () => {
  const transport = new FakeTransport();
  const out = new OutBuffer(transport, new Flusher(), () => {});
  const ended: number[] = [];
  const owner = {
    version: 4 as const,
    out,
    transport,
    congested: true,
    now: () => 0,
    countSent: () => {},
    end: (code: number) => void ended.push(code),
  };
  const outlet = new ConnectionOutlet(owner);
  outlet.mount = new Mount('m/');
  transport.buffered = 65_536;
  // Below the mountpoint there is a topic that is called as another is from outside.
  assert.equal(outlet.sendMessage(messageOf('m/m/kept'), 1, false, false, 5, null), true);
  assert.equal(outlet.sendMessage(messageOf('m/lost'), 1, false, false, 6, null), true);
  const asked: string[] = [];
  const recalled: [string, number, boolean][] = [];
  const may = (topic: string): boolean => {
    asked.push(topic);
    return topic === 'm/m/kept';
  };
  assert.equal(
    outlet.recall(may, (topic, packetId, dup) => void recalled.push([topic, packetId, dup])),
    true,
  );
  assert.deepEqual([asked, recalled, ended], [['m/m/kept', 'm/lost'], [['m/lost', 6, false]], []]);
  out.finish();
  assert.equal(transport.bytes.toString('hex'), '320b00066d2f6b657074000521');
});
