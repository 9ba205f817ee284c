import { clientOf, gateRig, messageOf, rules } from '../gate/gate.test.support.js';
import type { Message } from '../gate/index.js';
import { type AuthorizedRun, Check, type GateClient, type TopicTable } from '../gate/index.js';
import { Matches, type Route, type Target } from './route.js';
import type { Subscriber } from './subscriber.js';
import { Subscription, type SubscriptionOptions } from './subscription.js';
import type { TopicTree } from './topic-tree.js';

const { gate } = gateRig();

/** Takes note of what it gets. */
export class FakeSubscriber implements Subscriber {
  readonly clientId: string;
  client: GateClient = clientOf(rules('+#'));
  connected = true;
  asks = false;
  /** Topics that it does not accept from a shared group. */
  readonly closed = new Set<string>();
  readonly got: { topic: string; qos: number; ids: readonly number[] | null; payloads: string[]; divided: boolean; target: Target }[] = [];
  readonly offered: ((taken: boolean) => void)[] = [];

  constructor(clientId = 'c') {
    this.clientId = clientId;
  }

  deliver(run: AuthorizedRun, target: Target): void {
    const payloads = Array.from({ length: run.count }, (_, i) => run.copy(run.first + i).payload.toString());
    this.got.push({ topic: run.entry.topic, qos: target.qos, ids: target.subscriptionIds, payloads, divided: run.divided, target });
  }

  accepts(run: AuthorizedRun): boolean {
    return !this.closed.has(run.entry.topic);
  }

  offerShared(run: AuthorizedRun, target: Target, taken: (taken: boolean) => void): void {
    this.offered.push((answer) => {
      if (answer) this.deliver(run, target);
      taken(answer);
    });
  }
}

export function subscription(
  subscriber: Subscriber,
  key: string,
  options: Partial<SubscriptionOptions> = {},
  checks: number = Check.PROVEN,
): Subscription {
  const shared = /^\$share\/([^/]+)\/(.*)$/.exec(key);
  const made = new Subscription(subscriber, key, shared?.[2] ?? key, shared?.[1] ?? null, {
    qos: 2,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    id: 0,
    byCode: false,
    ...options,
  });
  made.judged(checks);
  return made;
}

/** A run of one message. */
export function runOf(topics: TopicTable, message: Message, origin: object | null = null): AuthorizedRun {
  return gate.run(gate.approvePluginMessage(message), topics, origin);
}

/** A run of several QoS 0 messages of one topic, as bytes. */
export function bytesRun(topics: TopicTable, topic: string, payloads: readonly string[], origin: object | null = null): AuthorizedRun {
  const run = gate.draft;
  run.reset();
  run.topic = topics.intern(topic);
  run.qos = 0;
  run.origin = origin;
  const packets = payloads.map((payload) => {
    const body = Buffer.concat([Buffer.from([topic.length >> 8, topic.length & 255]), Buffer.from(topic), Buffer.from(payload)]);
    return Buffer.concat([Buffer.from([0x30, body.length]), body]);
  });
  run.buffer = Buffer.concat(packets);
  let end = 0;
  for (const [i, packet] of packets.entries()) {
    end += packet.length;
    run.ends[i] = end;
    run.payloadStarts[i] = end - (payloads[i] as string).length;
    run.propertiesStarts[i] = run.payloadStarts[i] as number;
  }
  run.last = packets.length;
  const approved = gate.approve(clientOf(rules('+#')));
  if (approved === null) throw new Error('not approved');
  return approved;
}

export { messageOf };

/** MQTT's matching, told by the specification's words and as slowly as can be. */
export function naiveMatch(filter: string, topic: string): boolean {
  const filterLevels = filter.split('/');
  const topicLevels = topic.split('/');
  if (topic.startsWith('$') && (filterLevels[0] === '#' || filterLevels[0] === '+')) return false;
  const here = (f: number, t: number): boolean => {
    if (f === filterLevels.length) return t === topicLevels.length;
    if (filterLevels[f] === '#') return true;
    if (t === topicLevels.length) return false;
    return (filterLevels[f] === '+' || filterLevels[f] === topicLevels[t]) && here(f + 1, t + 1);
  };
  return here(0, 0);
}

/** Every subscription of the tree whose filter matches the topic name. */
export function matching(tree: TopicTree, topic: string): Subscription[] {
  const all: Subscription[] = [];
  finished(tree.walk(topic, { push: (subscription) => void all.push(subscription) }));
  return all;
}

/** The route of a topic that these subscriptions match. */
export function makeRoute(generation: number, epoch: number, subscriptions: Iterable<Subscription>): Route {
  const matches = new Matches();
  for (const subscription of subscriptions) matches.push(subscription);
  return finished(matches.route(generation, epoch));
}

/** Takes all steps at once. */
function finished<Result>(steps: Generator<undefined, Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
