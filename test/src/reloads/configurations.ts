/** A configuration that is refused, and what `portcullis reload` must say of it. */
export interface BadConfiguration {
  readonly what: string;
  readonly text: string;
  readonly says: RegExp;
}

type Entry = Readonly<Record<string, unknown>>;

/** A sound configuration. Each number gives another one. */
export function soundConfiguration(generation: number, change: (document: Document) => void = () => {}): string {
  const entry = (): Entry => ({ use: './witness', isolation: 'inProcess', config: { generation } });
  const document: Document = {
    version: 1,
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: { first: entry(), second: entry() },
    chains: { default: { guards: ['first', 'second'], authenticate: ['first'], authorize: ['second', 'first'] } },
    control: { socket: 'control.sock' },
  };
  change(document);
  return `${JSON.stringify(document, null, 2)}\n`;
}

interface Document {
  version: number;
  listeners: Record<string, unknown>;
  plugins: Record<string, Entry>;
  chains: Record<string, unknown>;
  control: { socket: string };
  limits?: unknown;
}

/** All ways of being wrong, with plugins that would be let in if they took effect. `taken`: a port that is in use. */
export function badConfigurations(generation: number, taken: number): BadConfiguration[] {
  const sound = soundConfiguration(generation);
  const changed = (change: (document: Document) => void): string => soundConfiguration(generation, change);
  const second = (entry: Entry, config: Entry = { generation }): string =>
    changed(({ plugins }) => {
      plugins.second = { use: './witness', isolation: 'inProcess', config, ...entry };
    });
  return [
    { what: 'a file that is cut off', text: sound.slice(0, -40), says: /plugins\.json:\d+:\d+ / },
    { what: 'an empty file', text: '', says: /plugins\.json:1:1 / },
    {
      what: 'a key that does not exist',
      text: sound.replace('"chains"', '"chain"'),
      says: /plugins\.json:\d+:3 .*unknown key "chain".*did you mean "chains"/,
    },
    {
      what: 'a key that is given twice',
      text: sound.replace('"version": 1,', '"version": 1, "version": 1,'),
      says: /plugins\.json:2:17 .*"version".*twice/,
    },
    {
      what: 'an option of the wrong type',
      text: second({}, { generation: 'x' }),
      says: /plugins\.json:\d+:\d+ {2}plugins\.second\.config\.generation: /,
    },
    { what: 'a plugin that is not installed', text: second({ use: './nowhere' }), says: /plugins\.json:\d+:\d+ {2}plugins\.second\.use: .*nowhere/ },
    { what: 'a plugin for another SDK', text: second({ use: './future' }, {}), says: /plugins\.second\.use: .*\^9\.0\.0/ },
    { what: 'a plugin that taps an unknown hook', text: second({}, { generation, hook: 'authentikate' }), says: /plugins\.second: .*authentikate/ },
    { what: 'a plugin that does not start', text: second({}, { generation: -1, sound: false }), says: /plugins\.second: .*never to be/ },
    {
      what: 'a port that is taken',
      text: changed(({ listeners }) => {
        listeners.more = { url: `mqtt://127.0.0.1:${taken}`, chain: 'default' };
      }),
      says: new RegExp(`port ${taken} is in use`),
    },
    {
      what: 'another limit',
      text: changed((document) => {
        document.limits = { maxQueuedMessages: generation };
      }),
      says: /limits cannot change/,
    },
    {
      what: 'a control socket that cannot be made',
      text: changed((document) => {
        document.control.socket = 'no-such-folder/control.sock';
      }),
      says: /control socket .*there is no folder/,
    },
  ];
}

/** A plugin of a version of the SDK that is not there. */
export const FUTURE = `export default {
  name: 'future', sdk: '^9.0.0', config: { type: 'object', additionalProperties: false, properties: {} }, start() {},
};
`;
