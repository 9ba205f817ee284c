import assert from 'node:assert/strict';
import { MemoryBroker } from '../fuzz/memory-broker.js';
import { Member, quiet } from '../limits/member.js';
import { type Cut, cut } from './cut.js';
import { rights, WITNESS } from './rights.js';
import type { Cast, Scenario } from './scenario.js';
import { type Heard, hearsNews, type Lane, watchers } from './watchers.js';
import type { Segment } from './writer.js';

/** What one client got over all its connections, each packet as text. */
export interface Got {
  /** Messages in their order, and everything else in its order: an acknowledgement may leave before or after a message that is not about it. */
  readonly messages: string[];
  readonly rest: string[];
}

/** What came of a scenario. */
export interface Outcome {
  readonly got: readonly Got[];
  readonly stats: Readonly<Record<string, number>>;
  readonly heard: Heard;
}

interface Player {
  readonly cast: Cast;
  readonly got: Got;
  member: Member;
}

/** Plays a scenario to a broker of its own, and holds against it what is known of the outcome beforehand. */
export async function play(scenario: Scenario, lane: Lane, how: Cut): Promise<Outcome> {
  const heard = { published: 0, delivered: 0 };
  const { guards = {}, authorities = {}, others = {} } = watchers(lane, heard);
  const broker = await MemoryBroker.start({
    plugins: { rights: rights(scenario.rules), ...guards, ...authorities, ...others },
    guards: Object.keys(guards),
    authenticate: ['rights'],
    authorize: ['rights', ...Object.keys(authorities)],
    limits: { ...scenario.limits, newsQueue: 1_000_000 },
  });
  const witness = await Member.join(broker, { version: 5, clientId: 'w', username: WITNESS });
  // At QoS 0 nothing is ever dropped for it.
  witness.subscribe([
    ['#', 0],
    ['$x/#', 0],
  ]);
  const players: Player[] = [];
  for (const cast of scenario.cast) players.push({ cast, got: { messages: [], rest: [] }, member: await join(broker, cast) });
  let publishes = 0;
  for (const [index, segment] of scenario.segments.entries()) {
    publishes += segment.publishes;
    await perform(broker, players, segment, how, scenario.seed + index);
    await quiet(broker, [...players.map(({ member }) => member), witness]);
    const player = players[segment.member] as Player;
    const where = `segment ${index} of ${player.cast.clientId} (MQTT ${player.cast.version}), ${segment.broken?.name ?? 'nothing broken'}`;
    judgeEnd(player, segment, where);
    assert.equal(broker.stats.messagesReceived, publishes, `messages counted, ${where}`);
    if (segment.broken !== null) await comeBack(broker, player);
    if (segment.pauseMs > 0) broker.clock.advance(segment.pauseMs);
    await quiet(broker, [...players.map(({ member }) => member), witness]);
  }
  for (const { got, member } of players) take(got, member);
  const stats = figures(broker);
  judgeFigures(stats, witness, players, heard, lane);
  await broker.stop();
  return { got: [...players.map(({ got }) => got), gotBy(witness)], stats, heard };
}

function join(broker: MemoryBroker, { clientId, username, version, cleanSession, properties }: Cast): Promise<Member> {
  return Member.join(broker, { clientId, version, cleanSession, properties, ...(username === null ? NOBODY : { username }) });
}

const NOBODY = { username: '', password: '' };

async function perform(broker: MemoryBroker, players: readonly Player[], segment: Segment, how: Cut, seed: number): Promise<void> {
  const { member } = players[segment.member] as Player;
  for (const read of cut(segment.packets, how, seed)) {
    member.peer.send(read);
    if (how === 'turns') await broker.turn();
  }
  // A connection that waits for an answer is not read meanwhile.
  do await broker.turn();
  while (member.peer.waiting > 0);
}

/** The connection is there, or has ended in the way that it should have. */
function judgeEnd({ cast, member }: Player, { broken }: Segment, where: string): void {
  assert.equal(member.peer.ended, broken !== null, `the connection ${broken === null ? 'ended' : 'goes on'}, ${where}`);
  if (broken === null || cast.version !== 5) return;
  const code = (member.came.at(-1) as { cmd: string; reasonCode?: number } | undefined) ?? { cmd: 'nothing' };
  assert.equal(code.cmd, 'disconnect', where);
  assert.ok(broken.codes.includes(code.reasonCode ?? 0), `DISCONNECT 0x${code.reasonCode?.toString(16)}, ${where}`);
}

async function comeBack(broker: MemoryBroker, player: Player): Promise<void> {
  take(player.got, player.member);
  player.member.peer.disappear();
  await broker.settle(2);
  player.member = await join(broker, player.cast);
}

function take({ messages, rest }: Got, member: Member): void {
  for (const packet of split(member.bytes)) (packet.startsWith('3') ? messages : rest).push(packet);
}

function gotBy(member: Member): Got {
  const got = { messages: [], rest: [] };
  take(got, member);
  return got;
}

/** Cuts bytes into packets, by their remaining lengths. */
function split(bytes: Buffer): string[] {
  const packets: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    let end = at + 1;
    for (let scale = 1; ; scale *= 128) {
      const value = bytes[end] as number;
      end += 1;
      length += (value & 0x7f) * scale;
      if (value < 0x80) break;
    }
    packets.push(bytes.subarray(at, end + length).toString('hex'));
    at = end + length;
  }
  return packets;
}

function figures(broker: MemoryBroker): Record<string, number> {
  return Object.fromEntries(broker.stats.names().map((name) => [name, broker.stats.get(name) ?? 0]));
}

/** Counters against what clients saw and observers heard. */
function judgeFigures(stats: Record<string, number>, witness: Member, players: readonly Player[], heard: Heard, lane: Lane): void {
  for (const name of ['invariantsBroken', 'pluginFaults', 'newsDropped', 'escapedErrors']) assert.equal(stats[name], 0, name);
  const messages = [...players.flatMap(({ got }) => got.messages), ...witness.published.map(() => '30')];
  assert.equal(stats.messagesSent, messages.length, 'messages that were sent');
  if (!hearsNews(lane)) return;
  assert.equal(heard.published, witness.published.length, 'news of messages that were published');
  // What is sent again after a connection was lost is no second delivery.
  const again = messages.filter((packet) => (Number.parseInt(packet.slice(0, 2), 16) & 8) !== 0).length;
  assert.equal(heard.delivered, messages.length - again, 'news of messages that were delivered');
}
