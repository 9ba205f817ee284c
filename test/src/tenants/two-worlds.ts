import fc from 'fast-check';
import type { MemoryBroker } from '../fuzz/memory-broker.js';
import { Member, quiet } from '../limits/member.js';
import { unsubscribe } from '../support/packets.js';

/** Who does something: one of two tenants. */
export type Side = 0 | 1;

/** What clients of a tenant do. Both tenants have the same client identifiers, usernames, topics and groups. */
export type Step = { readonly side: Side; readonly slot: 0 | 1 | 2 } & (
  | { readonly kind: 'connect'; readonly version: 4 | 5; readonly clean: boolean; readonly will: boolean }
  | { readonly kind: 'subscribe'; readonly filter: string; readonly qos: 0 | 1 | 2 }
  | { readonly kind: 'unsubscribe'; readonly filter: string }
  | { readonly kind: 'publish'; readonly topic: string; readonly qos: 0 | 1 | 2; readonly retain: boolean; readonly payload: string }
  | { readonly kind: 'leave'; readonly politely: boolean }
);

const FILTERS = ['#', '+', 'a/#', 'a/+', 'a/b', 'w', '$x/#', '$SYS/#', '$share/g/#', '$share/g/a/+', '$share/h/w'] as const;
const TOPICS = ['a', 'a/b', 'a/c', 'b', 'w', '$x/1', '$SYS/1'] as const;

const side = fc.constantFrom<Side>(0, 1);
const slot = fc.constantFrom<0 | 1 | 2>(0, 1, 2);
const qos = fc.constantFrom<0 | 1 | 2>(0, 1, 2);
const filter = fc.constantFrom(...FILTERS);

export const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        side,
        slot,
        kind: fc.constant('connect' as const),
        version: fc.constantFrom<4 | 5>(4, 5),
        clean: fc.boolean(),
        will: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ side, slot, kind: fc.constant('subscribe' as const), filter, qos }) },
    { weight: 1, arbitrary: fc.record({ side, slot, kind: fc.constant('unsubscribe' as const), filter }) },
    {
      weight: 5,
      arbitrary: fc.record({
        side,
        slot,
        kind: fc.constant('publish' as const),
        topic: fc.constantFrom(...TOPICS),
        qos,
        retain: fc.boolean(),
        payload: fc.constantFrom('', '1', '2'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ side, slot, kind: fc.constant('leave' as const), politely: fc.boolean() }) },
  ),
  { minLength: 10, maxLength: 40, size: 'max' },
);

/** How a run begins: with somebody there on both sides. */
export const ARRIVALS: readonly Step[] = ([0, 1] as const).flatMap((side) =>
  ([0, 1] as const).flatMap((slot): Step[] => [
    { side, slot, kind: 'connect', version: slot === 0 ? 4 : 5, clean: slot === 0, will: true },
    { side, slot, kind: 'subscribe', filter: slot === 0 ? '#' : '$share/g/#', qos: 1 },
  ]),
);

/** Clients of two tenants, and all that they were ever sent. */
class World {
  readonly #broker: MemoryBroker;
  readonly #tenants: readonly [string, string];
  /** By side and slot. */
  readonly #present = new Map<string, Member>();
  readonly #all: [Member[], Member[]] = [[], []];

  constructor(broker: MemoryBroker, tenants: readonly [string, string]) {
    this.#broker = broker;
    this.#tenants = tenants;
  }

  async take(step: Step): Promise<void> {
    const key = `${step.side}/${step.slot}`;
    const member = this.#present.get(key);
    if (step.kind === 'connect') this.#connect(step, key);
    else if (member === undefined || member.peer.ended) return;
    else if (step.kind === 'subscribe') member.subscribe([[step.filter, step.qos]]);
    else if (step.kind === 'unsubscribe') member.send(unsubscribe({ filters: [step.filter], ...(member.version === 5 ? { properties: '' } : {}) }));
    else if (step.kind === 'publish') member.publish({ ...step, packetId: 1 });
    else if (step.politely) member.send('e0 00');
    else member.peer.disappear();
    await this.settle();
    if (step.kind === 'publish' && step.qos === 2) member?.release(1);
    await this.settle();
  }

  settle(): Promise<void> {
    return quiet(this.#broker, this.#all.flat());
  }

  /** What the clients of one side were sent, connection by connection. */
  seen(of: Side): string[] {
    return this.#all[of].map((member) => `${member.bytes.toString('hex')}${member.peer.ended ? ' ended' : ''}`);
  }

  async end(): Promise<void> {
    for (const { peer } of this.#all.flat()) peer.disappear();
    await this.settle();
  }

  #connect(step: Step & { readonly kind: 'connect' }, key: string): void {
    const lasts = step.clean ? {} : { cleanSession: false, ...(step.version === 5 ? { properties: '11 00000e10' } : {}) };
    const member = new Member(this.#broker, {
      version: step.version,
      clientId: `c${step.slot}`,
      username: `${this.#tenants[step.side]}/amy`,
      ...lasts,
      ...(step.will ? { will: { topic: 'w', payload: 'gone', qos: 1 as const, retain: step.clean } } : {}),
    });
    this.#present.set(key, member);
    this.#all[step.side].push(member);
  }
}

/** What the clients of each side were sent when both did what they did, and what when the other had not been there. */
export async function observe(
  broker: MemoryBroker,
  steps: readonly Step[],
  tenants: () => readonly [string, string],
): Promise<{ readonly together: readonly [string[], string[]]; readonly alone: readonly [string[], string[]] }> {
  const run = async (chosen: readonly Step[]): Promise<[string[], string[]]> => {
    const world = new World(broker, tenants());
    for (const step of chosen) await world.take(step);
    const seen: [string[], string[]] = [world.seen(0), world.seen(1)];
    await world.end();
    return seen;
  };
  const together = await run(steps);
  const [first] = await run(steps.filter((step) => step.side === 0));
  const [, second] = await run(steps.filter((step) => step.side === 1));
  return { together, alone: [first, second] };
}
