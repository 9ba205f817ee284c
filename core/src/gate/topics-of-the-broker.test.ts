import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clientOf, gateRig, messageOf, rules, standingOf } from './gate.test.support.js';
import type { PublishVerdict } from './publish-gate.js';
import { TopicTable } from './topic-table.js';

const EVERYTHING = rules('+#', '+$SYS', '+$SYS/#', '+$CONTROL', '+$CONTROL/#', '+$other/#', '+$SYSTEM/#', '+$share');
const part = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !/[+#\0]/.test(text));
const below = fc.array(part, { maxLength: 3 }).map((levels) => levels.map((level) => `/${level}`).join(''));
const internal = fc.tuple(fc.constantFrom('$SYS', '$CONTROL', '$share'), below).map(([root, rest]) => root + rest);

test('Whatever the rules, code and rewriting say, and however it is sent, nothing of a client goes to a topic of the broker.', () => {
  fc.assert(
    fc.property(internal, fc.constantFrom(0, 1, 2), fc.boolean(), fc.boolean(), (topic, qos, retain, byCode) => {
      const standing = standingOf();
      if (byCode) {
        standing.hooks.tapped.add('code authorize');
        standing.hooks.script.set('code authorize', { kind: 'allow', plugin: 'code', grant: null, data: null, leaseSeconds: null });
      }
      const { gate } = gateRig({ standing });
      const client = clientOf(EVERYTHING, standing);
      const topics = new TopicTable(16);
      const message = messageOf(topic, { qos, retain });
      const outcomes: string[] = [];
      const judged = ({ outcome }: Pick<PublishVerdict, 'outcome'>): void => void outcomes.push(outcome);
      gate.draft.reset();
      gate.draft.topic = topics.intern(topic);
      gate.draft.qos = qos;
      assert.equal(gate.approve(client), null);
      assert.equal(gate.approveByRules(client, topics.intern(topic), message), null);
      // At its PUBREL, and as a will at CONNECT and when it is published.
      assert.equal(client.mayPublish(topics.intern(topic), qos, retain), false);
      for (const will of [false, true]) {
        gate.judgePublish(client, message, will, judged);
        gate.authorizeMessage(client, message, will, gate.now() + 1000, ({ outcome }) => outcomes.push(outcome));
      }
      assert.deepEqual(outcomes, ['deny', 'deny', 'deny', 'deny']);
      // What a plugin makes of a client's message.
      standing.global.tapped.add('rewritePublish');
      standing.global.script.set('rewritePublish', [{ topic }]);
      gate.judgePublish(client, messageOf('a', { qos, retain }), false, ({ outcome }) => assert.notEqual(outcome, 'route'));
    }),
    { numRuns: 500 },
  );
});

test('A topic that only begins like one of the broker is as any other.', () => {
  const client = clientOf(EVERYTHING);
  const topics = new TopicTable(16);
  for (const topic of ['$SYSTEM/x', '$other/$SYS', 'a/$SYS/x', 'a/$CONTROL'])
    assert.equal(client.mayPublish(topics.intern(topic), 0, false), true, topic);
});
