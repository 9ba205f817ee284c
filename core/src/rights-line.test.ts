import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionRig } from './connection/connection.test.support.js';
import { clientOf, rules } from './gate/gate.test.support.js';
import { RightsLine } from './rights-line.js';

function scene() {
  const rig = connectionRig({ limits: { maxPolicyLoads: 2 } });
  const line = new RightsLine(rig.room);
  const out: { name: string; end: () => void }[] = [];
  const done: string[] = [];
  const clients = new Map(['a', 'b', 'c', 'd'].map((name) => [name, clientOf(rules('+x'), rig.standing)]));
  const add = (name: string, load = name): void => {
    const client = clients.get(name);
    assert.ok(client !== undefined);
    line.add(
      client,
      (end) => out.push({ name: load, end }),
      () => done.push(load),
    );
  };
  return { out, done, add, names: () => out.map(({ name }) => name) };
}

test('Only so many clients are asked about at a time, the others in their order.', () => {
  const { out, done, add, names } = scene();
  for (const name of ['a', 'b', 'c', 'd']) add(name);
  assert.deepEqual([names(), done], [['a', 'b'], []]);
  out[1]?.end();
  assert.deepEqual([names(), done], [['a', 'b', 'c'], ['b']]);
  // Told twice, it counts once.
  out[1]?.end();
  assert.deepEqual(names(), ['a', 'b', 'c']);
  out[0]?.end();
  out[2]?.end();
  out[3]?.end();
  assert.deepEqual(
    [names(), done],
    [
      ['a', 'b', 'c', 'd'],
      ['b', 'a', 'c', 'd'],
    ],
  );
});

test('Whoever waits already keeps its place, is asked about once, and everybody who waits for it hears.', () => {
  const { out, done, add, names } = scene();
  for (const name of ['a', 'b', 'c', 'd']) add(name);
  add('c', 'c again');
  out[0]?.end();
  assert.deepEqual(names(), ['a', 'b', 'c again']);
  out[2]?.end();
  assert.deepEqual(done, ['a', 'c', 'c again']);
});

test('A load that throws makes room for the next.', () => {
  const rig = connectionRig({ limits: { maxPolicyLoads: 1 } });
  const line = new RightsLine(rig.room);
  const done: number[] = [];
  const fails = (): void => {
    throw new Error('broken');
  };
  line.add(clientOf(rules('+x'), rig.standing), fails, () => done.push(1));
  assert.equal(rig.stats.invariantsBroken, 1);
  line.add(
    clientOf(rules('+x'), rig.standing),
    (end) => end(),
    () => done.push(2),
  );
  assert.deepEqual(done, [1, 2]);
});
