import assert from 'node:assert/strict';
import { unsubscribe } from '../support/packets.js';
import { referenceMatches } from '../topics/reference.js';
import { innerOf } from './ledger.js';
import { PUBLISH_TO } from './source.js';
import { FILTERS, GROUPS, TOPICS, type User } from './table.js';
import type { Slot, World } from './world.js';

/** For so long a subscription that lost its right comes back with it; a little less than the chain's own time. */
const GRACE_SECONDS = 58;

/** SUBSCRIBE, and what is retained for it. */
export async function subscribe(world: World, slot: Slot): Promise<void> {
  const { member, holding } = slot;
  if (member === null || holding === null) return;
  const filter = world.random.pick(world.random.oneIn(4) ? GROUPS : FILTERS);
  const qos = world.random.pick([0, 1, 1, 2] as const);
  world.say(`${slot.clientId} (${holding.user}) subscribes to ${filter}, QoS ${qos}`);
  const may = world.lane === 'guards' || world.table.maySubscribe(holding.user, innerOf(filter));
  if (may) {
    holding.filters.set(filter, { lostAt: null, mayBeGone: false });
    holding.ever.set(filter, (holding.ever.get(filter) ?? 0) + 1);
  }
  member.subscribe([[filter, qos]], { packetId: slot.nextPacketId++ });
  const packets = await world.settle();
  const suback = packets.get(member)?.find(({ cmd }) => cmd === 'suback');
  const granted = suback?.cmd === 'suback' ? suback.granted : [];
  assert.deepEqual(granted, [may ? qos : member.version === 5 ? 0x87 : 0x80], `SUBACK for ${holding.user} and ${filter}`);
  if (!may || filter.startsWith('$share') || slot.behind) return;
  // The last of each topic that it may have, and of those that are no longer the last none.
  const owed = world.ledger.retained(filter).filter(({ topic }) => world.mayHave(holding.user, topic));
  const retained = (packets.get(member) ?? []).flatMap((packet) => (packet.cmd === 'publish' && packet.retain ? [String(packet.payload)] : []));
  assert.deepEqual(retained.sort(), owed.map(({ id }) => id).sort(), `retained messages for ${holding.user} and ${filter}`);
}

export async function leaveFilter(world: World, slot: Slot): Promise<void> {
  const { member, holding } = slot;
  if (member === null || holding === null || holding.filters.size === 0) return;
  const filter = world.random.pick([...holding.filters.keys()]);
  world.say(`${slot.clientId} unsubscribes from ${filter}`);
  holding.filters.delete(filter);
  const properties = member.version === 5 ? { properties: '' } : {};
  member.send(unsubscribe({ packetId: slot.nextPacketId++, filters: [filter], ...properties }));
  await world.settle();
}

export async function publish(world: World, slot: Slot): Promise<void> {
  const { member, holding } = slot;
  if (member === null || holding === null) return;
  const random = world.random;
  const topic = random.pick(TOPICS);
  const qos = random.pick([0, 1, 1, 2] as const);
  const retain = random.oneIn(4);
  const entry = world.ledger.enter(topic, 'client', holding.user, retain);
  const may = world.table.may(holding.user, 'publish', topic);
  entry.refused = !may;
  const packetId = slot.nextPacketId++;
  world.say(`${slot.clientId} (${holding.user}) publishes ${entry.id} to ${topic}, QoS ${qos}${retain ? ', retained' : ''}`);
  // A 5.0 client is told of the refusal, and will send no PUBREL.
  if (qos === 2 && (may || member.version === 4)) holding.unreleased.set(packetId, entry);
  member.publish({ topic, payload: entry.id, qos, retain, packetId });
  await world.settle();
  if (may && qos < 2) world.wasRouted(entry);
}

/** PUBREL of a QoS 2 message, some time later. */
export async function release(world: World, slot: Slot): Promise<void> {
  const { member, holding } = slot;
  if (member === null || holding === null || holding.unreleased.size === 0) return;
  const [packetId, entry] = world.random.pick([...holding.unreleased]);
  world.say(`${slot.clientId} releases ${entry.id}`);
  holding.unreleased.delete(packetId);
  // Guards have let it pass already.
  entry.passed = world.lane === 'guards';
  if (!entry.passed && !world.table.may(entry.user, 'publish', entry.topic)) entry.refused = true;
  const may = !entry.refused;
  member.release(packetId);
  await world.settle();
  if (may) world.wasRouted(entry);
}

export async function publishByPlugin(world: World): Promise<void> {
  const topic = world.random.pick(TOPICS);
  const retain = world.random.oneIn(4);
  const entry = world.ledger.enter(topic, 'plugin', null, retain);
  world.say(`the plugin publishes ${entry.id} to ${topic}`);
  const may = PUBLISH_TO.some((filter) => referenceMatches(filter, topic));
  entry.refused = !may;
  const done = world.source.publish(topic, entry.id, world.random.below(3) as 0 | 1 | 2, retain).then(
    () => true,
    () => false,
  );
  await world.settle();
  assert.equal(await done, may, `the plugin publishes ${entry.id} to ${topic}`);
  if (may) world.wasRouted(entry);
}

export async function changeRights(world: World, user: User): Promise<void> {
  world.say(`the rights of ${user} change`);
  world.table.change(user, world.random);
  for (const { holding } of world.slots) {
    if (holding?.user !== user) continue;
    for (const [filter, standing] of holding.filters) {
      const isLost = world.lane !== 'guards' && world.table.isLost(user, innerOf(filter));
      standing.mayBeGone ||= standing.lostAt !== null && world.seconds >= standing.lostAt + GRACE_SECONDS;
      standing.lostAt = isLost ? (standing.lostAt ?? world.seconds) : null;
    }
  }
  // Guards are asked when something is published, and never again about what was let through.
  if (world.lane !== 'guards') world.ledger.withdraw(user);
  world.source.changed(user);
  await world.settle();
  // A guard's opinion is no right: it is asked about what is published, not about what was.
  if (world.lane !== 'guards') world.ledger.withdraw(user);
  // Whoever spreads its questions over time has asked them.
  await world.pass(1);
}

export async function fallBehind(world: World, slot: Slot): Promise<void> {
  const { member } = slot;
  if (member === null) return;
  world.say(`${slot.clientId} acknowledges nothing`);
  member.acknowledges = false;
  slot.behind = true;
}

export async function catchUp(world: World, slot: Slot): Promise<void> {
  const { member } = slot;
  if (member === null || member.acknowledges) return;
  world.say(`${slot.clientId} acknowledges all`);
  member.acknowledges = true;
  for (const packet of member.published) member.acknowledge(packet);
  member.came.length = 0;
  await world.settle();
  slot.behind = false;
}

export async function passTime(world: World): Promise<void> {
  const seconds = world.random.pick([1, 6, 6, 70]);
  world.say(`${seconds} seconds pass`);
  await world.pass(seconds);
}
