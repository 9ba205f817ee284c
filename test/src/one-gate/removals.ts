import type { Lane } from './source.js';

/** Methods of the broker by their names; what they take and give is not looked at here. */
type Methods = Record<string, (this: unknown, ...given: unknown[]) => unknown>;

/** A place where the gate is asked, and how to take it away there alone. */
export interface Removal {
  /** What passes unjudged without it. */
  readonly what: string;
  readonly lanes: readonly Lane[];
  /** What plugins may publish to, if that is what is taken away. */
  readonly publishTo?: readonly string[];
  /** Takes it away; returns what puts it back. */
  readonly remove: () => () => void;
}

const core = async (module: string, name: string): Promise<Methods> => {
  const { href } = new URL(`../../../core/dist/${module}`, import.meta.url);
  const found = ((await import(href)) as Record<string, { readonly prototype: Methods }>)[name];
  if (found === undefined) throw new Error(`core has no ${name} in ${module} any more`);
  return found.prototype;
};
const client = await core('gate/client.js', 'GateClient');
const gate = await core('gate/gate.js', 'Gate');
const registry = await core('session/registry.js', 'SessionRegistry');
const retainedCheck = await core('retained-check.js', 'RetainedCheck');

/** Frames that are looked at: enough for the whole way from a socket to a copy. */
const FRAMES = 60;

/** Puts another function in the place of a method wherever `applies` holds for those who called it, the nearest first. */
function instead(
  methods: Methods,
  name: string,
  applies: (callers: readonly string[], given: readonly unknown[]) => boolean,
  other: (...given: unknown[]) => unknown,
): () => () => void {
  return () => {
    const original = methods[name];
    if (original === undefined) throw new Error(`there is no ${name} any more`);
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = FRAMES;
    methods[name] = function (...given) {
      const callers = (new Error('who calls').stack ?? '').split('\n').slice(2);
      const own = applies(callers, given);
      return own ? other.apply(this, given) : original.apply(this, given);
    };
    return () => {
      methods[name] = original;
      Error.stackTraceLimit = before;
    };
  };
}

const from = (caller: string | undefined, ...names: readonly string[]): boolean => names.some((name) => caller?.includes(name) === true);
const among = (callers: readonly string[], file: string): boolean => callers.some((caller) => caller.includes(file));
const yes = (): boolean => true;

/** A copy that is let through unjudged, as far as rules judge it. */
function copy(what: string, applies: (callers: readonly string[]) => boolean): Removal {
  return { what, lanes: ['rules'], remove: instead(client, 'mayReceive', applies, yes) };
}

/** The same where code or a guard judges it. */
function askedCopy(what: string, file: string): Removal {
  const deliver = (...given: unknown[]): null => {
    (given[2] as (verdict: string, why: null) => void)('deliver', null);
    return null;
  };
  return { what, lanes: ['code', 'guards'], remove: instead(gate, 'judgeDelivery', ([caller]) => from(caller, file), deliver) };
}

/** Calls back that a message may be published, without having asked. */
function route(this: unknown, ...given: unknown[]): null {
  const approved = (gate.approvePluginMessage as (message: unknown) => unknown).call(this, given[1]);
  const judgement = { outcome: 'allow', plugin: null, rule: null, reason: null, detail: '' };
  (given[3] as (verdict: unknown) => void)({ outcome: 'route', approved, judgement });
  return null;
}

function allow(...given: unknown[]): null {
  (given[4] as (judgement: unknown) => void)({ outcome: 'allow', plugin: null, rule: null, reason: null, detail: '' });
  return null;
}

function grant(...given: unknown[]): null {
  const { qos } = given[1] as { qos: number };
  (given[2] as (verdict: unknown) => void)({ outcome: 'grant', qos, partial: true, byCode: false, plugin: null, rule: null });
  return null;
}

const isWill = (given: readonly unknown[]): boolean => given[2] === true;
const ofBroker = (callers: readonly string[]): boolean => among(callers, '/wills.') || among(callers, '/services.');

/** Every place where the broker asks whether something may go on, one by one. */
export const REMOVALS: readonly Removal[] = [
  {
    what: 'a client identifier that is somebody else’s',
    lanes: ['rules'],
    remove: instead(
      registry,
      'refusalOf',
      () => true,
      () => null,
    ),
  },
  { what: 'a subscription', lanes: ['rules', 'code'], remove: instead(gate, 'judgeSubscribe', () => true, grant) },
  { what: 'a PUBLISH', lanes: ['rules'], remove: instead(client, 'mayPublish', ([caller]) => from(caller, 'approve'), yes) },
  { what: 'a PUBLISH, asked of code', lanes: ['code', 'guards'], remove: instead(gate, 'judgePublish', (_, given) => !isWill(given), route) },
  { what: 'a QoS 2 message at its PUBREL', lanes: ['rules'], remove: instead(client, 'mayPublish', ([caller]) => from(caller, 'onPubrel'), yes) },
  {
    what: 'a QoS 2 message at its PUBREL, asked of code',
    lanes: ['code'],
    remove: instead(gate, 'authorizeMessage', ([caller]) => from(caller, 'onPubrel'), allow),
  },
  { what: 'a will at CONNECT', lanes: ['rules', 'code'], remove: instead(gate, 'authorizeMessage', (_, given) => isWill(given), allow) },
  {
    what: 'a will when it is published',
    lanes: ['rules', 'code', 'guards'],
    remove: instead(gate, 'judgePublish', (_, given) => isWill(given), route),
  },
  { what: 'what a plugin publishes', lanes: ['rules'], publishTo: ['#'], remove: () => () => {} },
  copy('a copy of a live message', ([caller, ...others]) => from(caller, '.deliver ') && !ofBroker(others) && !among(others, '#share')),
  copy('a copy of a will', ([caller, ...others]) => from(caller, '.deliver ') && among(others, '/wills.')),
  copy('a copy of a message of a plugin', ([caller, ...others]) => from(caller, '.deliver ') && among(others, '/services.')),
  copy('which member of a shared group takes a message', ([caller]) => from(caller, '.accepts ')),
  copy('the message of a shared group', ([caller, ...others]) => from(caller, '.accepts ') || (from(caller, '.deliver ') && among(others, '#share'))),
  copy('a retained message', ([caller]) => from(caller, '#replayNext')),
  {
    what: 'what a publisher has retained that lost the right to it',
    lanes: ['rules', 'code'],
    remove: instead(
      retainedCheck,
      'check',
      () => true,
      () => {},
    ),
  },
  copy('a message that waited', ([caller]) => from(caller, '#sendNext')),
  copy('a message that is sent again', ([caller]) => from(caller, '/resending.')),
  askedCopy('a copy that code or a guard is asked about', '/asked-copies.'),
  askedCopy('a message that is sent again, asked of code or a guard', '/resending.'),
];
