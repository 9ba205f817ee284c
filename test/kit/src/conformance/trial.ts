import type { PluginDefinition, ProtocolName } from '@portcullis/sdk';
import { TestBroker, type TestBrokerOptions, wholeChain } from '../test-broker.js';
import { CANARY, describeCredentials } from './hostile.js';
import { type Abilities, abilitiesOf, type ConformanceOptions, checkedOptions, type TestCredentials } from './options.js';

export const PROTOCOLS: readonly ProtocolName[] = ['3.1', '3.1.1', '5.0'];
const MIN_SECRET = 6;
/** What the log must not have, whatever a case does. */
const BROKEN = [/PCL_INVARIANT/, /have not stopped in time/, /failed while stopping/];

export interface TrialRules {
  /** A case that breaks the backend sees faults; in every other one there must be none. */
  readonly mayFault?: boolean;
}

/** A plugin before the suite: starts brokers around it, and looks at what every case must leave behind. */
export class Trial {
  readonly plugin: PluginDefinition;
  readonly options: ConformanceOptions;
  readonly abilities: Abilities;
  readonly #secrets: readonly string[];

  constructor(plugin: PluginDefinition, given: ConformanceOptions) {
    const options = checkedOptions(plugin, given);
    this.plugin = plugin;
    this.options = options;
    this.abilities = abilitiesOf(plugin, options);
    this.#secrets = secretsOf(options);
  }

  /** Runs something with a broker around the plugin, stops it, and checks what must hold after everything. */
  async with(run: (broker: TestBroker) => Promise<void>, more: Partial<TestBrokerOptions> = {}, rules: TrialRules = {}): Promise<void> {
    const escaped: string[] = [];
    const giveBack = takeEscapes((error) => void escaped.push(error instanceof Error ? error.message : String(error)));
    try {
      const { validCredentials: _v, invalidCredentials: _i, rights: _r, secrets: _s, backend: _b, ...options } = this.options;
      const broker = await TestBroker.start({ ...options, plugin: this.plugin, ...more });
      try {
        if (more.chain === undefined) mustAsk(broker);
        await run(broker);
      } finally {
        await broker.stop();
      }
      this.#judge(broker, rules);
    } finally {
      giveBack();
    }
    if (escaped.length > 0) throw new Error(`an error escaped: ${escaped[0]}`);
  }

  #judge(broker: TestBroker, { mayFault = false }: TrialRules): void {
    const lines = [...broker.log, ...broker.decisions.map((news) => JSON.stringify(news))];
    for (const line of lines) {
      // The line itself is not shown: that would log the secret once more.
      if (this.#secrets.some((secret) => line.includes(secret))) throw new Error('a secret was logged');
      if (BROKEN.some((pattern) => pattern.test(line))) throw new Error(`the log says: ${line}`);
    }
    if (mayFault) return;
    const { stats } = broker;
    const fault = broker.log.find((line) => line.includes('PCL_PLUGIN_FAULT')) ?? '';
    if (stats.pluginFaults > 0) throw new Error(`the plugin faulted ${stats.pluginFaults} times: ${fault}`);
    if (stats.secondAnswers + stats.foreignAnswers > 0) throw new Error('the plugin answered twice, or with the decision of another question');
  }
}

const NEEDED = {
  authenticate: 'the suite for an authority needs validCredentials, an empty list for none',
  authorize: 'the suite for a plugin that gives rights needs rights: a list, empty for none, beside validCredentials',
} as const;

/** Without `taps` in the manifest only the start shows what a plugin does: what it taps and is not asked, the suite would pass over in silence. */
function mustAsk(broker: TestBroker): void {
  for (const { path, list, hooks } of broker.broker.remarks) {
    if (path[1] !== 'plugin') continue;
    if (list !== 'guards') throw new TypeError(NEEDED[list]);
    throw new TypeError(`it taps ${hooks.join(', ')}, but is asked there only with "taps" in its manifest, or ${wholeChain(broker, 'plugin')}`);
  }
}

const ESCAPES = ['uncaughtException', 'unhandledRejection'] as const;

/** While a case runs, what escapes is that case's and nobody else's, a test runner's neither. Returns what gives it back. */
function takeEscapes(caught: (error: unknown) => void): () => void {
  const before = ESCAPES.map((event) => process.listeners(event as 'uncaughtException'));
  for (const event of ESCAPES) process.removeAllListeners(event).on(event, caught);
  return () => {
    for (const [index, event] of ESCAPES.entries()) {
      process.off(event, caught);
      for (const listener of before[index] ?? []) process.on(event as 'uncaughtException', listener);
    }
  };
}

/** What happened to a client that tried: the code of its CONNACK, 0 for "let in". -1: the connection was closed without one. */
export async function login(broker: TestBroker, protocol: ProtocolName, credentials: TestCredentials): Promise<number> {
  const client = await broker.client({ protocol });
  client.sendConnect(credentials);
  const connack = await client.expectPacket().catch((error: unknown) => {
    if (client.wire.ending !== null && client.wire.unread === '') return null;
    throw error;
  });
  if (connack === null) return -1;
  if (connack.type !== 2) throw new Error(`awaited a CONNACK, came [${connack.hex}]`);
  const code = connack.code ?? -1;
  if (code === 0) await client.disconnect();
  else await client.expectClosed();
  return code;
}

export async function mustEnter(broker: TestBroker, protocol: ProtocolName, credentials: TestCredentials): Promise<void> {
  const code = await login(broker, protocol, credentials);
  if (code !== 0) throw new Error(`${describeCredentials(credentials)} was refused with code 0x${code.toString(16)} (MQTT ${protocol})`);
}

/** The client must be refused for what it brings: with a code that says so, not because something broke. */
export async function mustNotEnter(broker: TestBroker, protocol: ProtocolName, credentials: TestCredentials): Promise<void> {
  const code = await login(broker, protocol, credentials);
  if (code === 0) throw new Error(`${describeCredentials(credentials)} was let in (MQTT ${protocol})`);
}

function secretsOf({ validCredentials = [], invalidCredentials = [], secrets = [], env = {} }: ConformanceOptions): string[] {
  const texts = [CANARY, ...secrets, ...Object.values(env)];
  for (const { password } of [...validCredentials, ...invalidCredentials]) if (password !== undefined) texts.push(Buffer.from(password).toString());
  // Short ones stand in innocent words.
  const long = texts.filter((text) => text.length >= MIN_SECRET);
  return long.flatMap((text) => [text, Buffer.from(text).toString('base64').replace(/=+$/, ''), Buffer.from(text).toString('hex')]);
}
