import assert from 'node:assert/strict';
import { Member } from '../limits/member.js';
import { uint16, uint32 } from '../support/packets.js';
import type { Holding } from './ledger.js';
import { STRANGER } from './source.js';
import { TOPICS, USERS } from './table.js';
import { type Slot, WINDOW, type World } from './world.js';

/** Longer than any scenario: sessions end because somebody ends them. */
const EXPIRY_SECONDS = 3000;

/** Somebody comes under this identifier; it is refused if it is somebody else's, or if its will is not allowed. */
export async function connect(world: World, slot: Slot): Promise<void> {
  const random = world.random;
  const { holding } = slot;
  const user = holding !== null && !random.oneIn(4) ? holding.user : random.pick(USERS);
  const durable = user !== null && !random.oneIn(3);
  const clean = random.oneIn(5);
  const version = random.pick([4, 5] as const);
  const topic = random.pick(TOPICS);
  const delaySeconds = version === 5 ? random.pick([0, 0, 5]) : 0;
  const will = random.oneIn(3) ? { entry: world.ledger.enter(topic, 'will', user), delaySeconds, dueAt: Number.POSITIVE_INFINITY } : null;
  world.say(
    `${user} comes as ${slot.clientId}${durable ? ', durable' : ''}${clean ? ', clean' : ''}${will === null ? '' : `, will ${will.entry.id} to ${topic}`}`,
  );
  const member = new Member(world.broker, {
    version,
    clientId: slot.clientId,
    username: user ?? '',
    // A 3.1.1 client that wants its session cleaned wants none that lasts.
    cleanSession: version === 5 ? clean : !durable,
    ...(version === 5 ? { properties: `11${uint32(durable ? EXPIRY_SECONDS : 0)}21${uint16(WINDOW)}` } : {}),
    ...(will === null
      ? {}
      : { will: { topic, payload: will.entry.id, qos: 1, ...(version === 5 ? { properties: `18${uint32(will.delaySeconds)}` } : {}) } }),
  });
  const starts = version === 5 ? clean : !durable;
  const foreign = holding !== null && holding.user !== user;
  // Guards see a will when it is published.
  const willRefused = will !== null && world.lane !== 'guards' && !world.table.may(user, 'publish', topic);
  const before = slot.member;
  // Whoever took the connection over sees what was in flight again.
  const resumes = !foreign && !willRefused && holding?.durable === true && !starts;
  const next: Holding =
    resumes && holding !== null ? holding : { user, durable, filters: new Map(), ever: new Map(), replayed: new Map(), unreleased: new Map(), will };
  const lost = holding?.will ?? null;
  if (foreign || willRefused) {
    if (will !== null) will.entry.refused = true;
  } else {
    slot.holding = next;
    slot.member = member;
    slot.behind = false;
    next.durable = durable;
    next.will = will;
  }
  await world.settle(foreign || willRefused ? [member] : before === null ? [] : [before]);
  const connack = member.came.shift();
  const code = connack?.cmd === 'connack' ? (version === 5 ? connack.reasonCode : connack.returnCode) : -1;
  const expected = willRefused ? [5, 0x87] : foreign ? [2, 0x85] : [0, 0];
  assert.equal(code, expected[version - 4], `CONNACK for ${user} as ${slot.clientId}`);
  if (foreign || willRefused) return;
  assert.equal(connack?.cmd === 'connack' && connack.sessionPresent, resumes, 'session present');
  if (before !== null) assert.ok(before.peer.ended, 'the connection before is over');
  // A will without delay goes with its connection, one with delay waits for the session that may go on.
  if (before !== null && lost !== null && (lost.delaySeconds === 0 || !resumes)) world.wasFired(lost.entry);
}

/** Somebody with wrong credentials wants the session and leaves a will: nothing comes of either, and nobody notices. */
export async function knock(world: World, { clientId }: Slot): Promise<void> {
  const random = world.random;
  const topic = random.pick(TOPICS);
  const entry = world.ledger.enter(topic, 'will', null);
  entry.refused = true;
  world.say(`a stranger comes as ${clientId}, will ${entry.id} to ${topic}`);
  const will = { topic, payload: entry.id, retain: true };
  const stranger = new Member(world.broker, { clientId, username: STRANGER, cleanSession: random.oneIn(2), will });
  await world.settle([stranger]);
  const [connack, ...more] = stranger.came;
  assert.deepEqual([connack?.cmd === 'connack' && connack.returnCode, more.length, stranger.peer.ended], [4, 0, true], 'a stranger is refused');
  for (const { clientId: other, member } of world.slots) assert.ok(member?.peer.ended !== true, `${other} lost its connection to a stranger`);
}

/** An administrator frees the client identifier: what its session had is gone, and its will comes now. */
export async function releaseIdentifier(world: World, slot: Slot): Promise<void> {
  const { clientId, holding, member } = slot;
  world.say(`${clientId} is released`);
  const released = world.broker.broker.sessions.release(clientId, null, true);
  assert.equal(released, holding === null ? 'none' : 'released');
  slot.holding = null;
  slot.member = null;
  await world.settle(member === null ? [] : [member]);
  if (member !== null) assert.ok(member.peer.ended, 'the connection of a session that was released');
  if (holding?.will != null) world.wasFired(holding.will.entry);
}

export async function leave(world: World, slot: Slot): Promise<void> {
  const { member, holding } = slot;
  if (member === null || holding === null) return;
  const politely = world.random.oneIn(2);
  world.say(`${slot.clientId} ${politely ? 'leaves' : 'is lost'}`);
  if (politely) member.send('e0 00');
  else member.peer.disappear();
  const { will } = holding;
  if (politely) holding.will = null;
  await world.settle();
  slot.member = null;
  if (!politely && will !== null && (will.delaySeconds === 0 || !holding.durable)) world.wasFired(will.entry);
  if (will !== null && (politely || will.delaySeconds === 0)) holding.will = null;
  if (will !== null) will.dueAt = world.seconds + will.delaySeconds;
  if (!holding.durable) slot.holding = null;
}
