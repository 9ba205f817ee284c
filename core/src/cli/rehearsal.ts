import { type ConnectionInfo, definePlugin, type Rule } from '@portcullis/sdk';
import { hashPassword } from '@portcullis/sdk/passwords';
import { Broker } from '../broker.js';
import type { PortcullisConfig } from '../config/index.js';
import type { Transport } from '../connection/index.js';
import type { GenerationInput } from '../generation.js';
import { makeLimits } from '../limits.js';
import { Logger } from '../log.js';

/** Visits in all, and how many are there at a time. */
const VISITS = 8000;
const AT_A_TIME = 40;
const CHAIN = 'rehearsal';
const EVERYTHING: Rule = { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'rehearsal' };

/**
 * Plays clients that come, subscribe, publish and go, with a broker of its own that nobody can reach and that ends with it. The code of the way
 * of a CONNECT is then compiled before the first real one: after a restart all clients come back at once, and without it the first thousands
 * cost four times as much as those after them. No plugin of the configuration takes part. Resolves when it is done, when `deadlineMs` are over,
 * or when `ended` says so; never rejects, for it can do nothing but make the start a little slower.
 */
export async function rehearse(deadlineMs: number, ended: () => boolean): Promise<void> {
  if (deadlineMs <= 0) return;
  const until = performance.now() + deadlineMs;
  const broker = new Broker({ ...(await stage()), log: new Logger(() => {}, 'silent') });
  try {
    await broker.start();
    for (let visit = 0; visit < VISITS && performance.now() < until && !ended(); visit += AT_A_TIME) await play(broker, visit);
  } catch {
    // Whatever it was will show, or not, in the broker that counts.
  } finally {
    await broker.stop();
  }
}

async function play(broker: Broker, first: number): Promise<void> {
  const visitors: { readonly transport: Visitor; receive(bytes: Buffer): void }[] = [];
  for (let i = first; i < first + AT_A_TIME; i += 1) {
    const transport = new Visitor();
    const connection = broker.serve(transport, CHAIN);
    const visitor = {
      transport,
      receive: (bytes: Buffer) => {
        if (!transport.ended) connection.received(bytes);
      },
    };
    visitors.push(visitor);
    visitor.receive(connect(i));
  }
  // A password that is hashed for the first time is answered by another thread.
  for (let turns = 0; turns < 50 && visitors.some(({ transport }) => transport.writes === 0); turns += 1) await turn();
  // Most clients of a storm only come; a few do something.
  for (const [index, visitor] of visitors.entries()) if (index % 4 === 0) visitor.receive(subscribe(`r/${index % 8}`));
  for (const [index, visitor] of visitors.entries())
    if (index % 4 === 0) for (const qos of [0, 1, 2]) visitor.receive(publish(`r/${index % 8}`, qos));
  await turn();
  for (const { receive } of visitors) receive(Buffer.from([0xe0, 0]));
  await turn();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The far end of a connection that is none. */
class Visitor implements Transport {
  readonly info: ConnectionInfo = Object.freeze({ id: 'rehearsal', listener: CHAIN, transport: 'tcp', address: '', port: 0 });
  readonly tls = null;
  readonly buffered = 0;
  writes = 0;
  ended = false;

  write(): boolean {
    this.writes += 1;
    return true;
  }

  writeAll(): void {
    this.writes += 1;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.ended = true;
  }
}

async function stage(): Promise<GenerationInput> {
  const stored = await hashPassword(Buffer.from('rehearsal'), { format: 'sha512' });
  const definition = definePlugin({
    name: CHAIN,
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny'] },
    capabilities: ['policy'],
    config: { type: 'object', additionalProperties: false, properties: {} },
    start({ hooks, policy }) {
      policy.setTemplate('all', [EVERYTHING]);
      hooks.authenticate.tap(({ credentials }, decide) => {
        const { username } = credentials;
        if (username === null) return decide.allow({ identity: { anonymous: true } });
        return credentials.verify(stored).then((matches) => (matches ? decide.allow({ identity: { username } }) : decide.deny('bad-credentials')));
      });
      hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, templates: ['all'] }));
    },
  });
  const spec = {
    name: CHAIN,
    config: {},
    timeoutMs: 2000,
    maxConcurrent: 64,
    maxQueue: 1000,
    breaker: { faults: 10, windowMs: 10_000, openMs: 2000 },
    onFault: 'refuse' as const,
    startup: 'exit' as const,
    publishTo: [],
  };
  const config: PortcullisConfig = {
    file: '',
    folder: '',
    listeners: [],
    plugins: [],
    chains: new Map([
      [
        CHAIN,
        {
          name: CHAIN,
          guards: [],
          authenticate: [CHAIN],
          authorize: [CHAIN],
          combine: 'deny-overrides',
          deadlineMs: 5000,
          denyPublish: 'acknowledge',
          publishFault: 'disconnect',
          partialSubscribe: 'filter',
          staleGraceMs: 0,
        },
      ],
    ]),
    sessions: { clientIdOwnership: 'principal', maxExpirySeconds: 0, perPrincipal: VISITS, useUsernameAsClientId: false },
    limits: makeLimits(),
    logLevel: 'silent',
  };
  return { config, plugins: [{ spec, loaded: { definition, root: '', packageName: CHAIN, version: '0.0.0' } }] };
}

function connect(visit: number): Buffer {
  const named = visit % 3 !== 0;
  const name = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, named ? 0xc2 : 0x02, 0, 60]);
  const fields = [`visitor-${visit}`, ...(named ? [`user${visit % 100}`, 'rehearsal'] : [])];
  return packet(0x10, name, ...fields.map(text));
}

const subscribe = (filter: string): Buffer => packet(0x82, Buffer.from([0, 1]), text(filter), Buffer.from([1]));

const publish = (topic: string, qos: number): Buffer =>
  packet(0x30 | (qos << 1), text(topic), qos === 0 ? Buffer.alloc(0) : Buffer.from([0, 2]), Buffer.from('a payload of some length'));

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** None here is as long as 128 bytes. */
function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first, body.length]), body]);
}
