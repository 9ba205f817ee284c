import { once } from 'node:events';
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';
import { definePlugin, type PluginDefinition, type Rule } from '@portcullis/sdk';
import { hashPassword } from '@portcullis/sdk/passwords';
import { Broker } from '../broker.js';
import type { GenerationInput } from '../generation.js';
import { checkRawSockets, type ListenerOptions, type RawDoor, type RawHandle, type RawSockets, rawServerOf } from '../listeners/index.js';
import { Logger } from '../log.js';

/** Visits in all, and how many are there at a time. */
const VISITS = 12_000;
const AT_A_TIME = 100;
/** How many stay: what comes and goes at once is not what the garbage collector will see. */
const STAYING = 1000;
/** How many of the visitors come over a real socket. */
const CALLERS = 40;
const CALL_MS = 500;
const USERS = 100;
const CHAIN = 'rehearsal';
const DISCONNECT = Buffer.from([0xe0, 0]);
const EVERYTHING: Rule = { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'rehearsal' };

/**
 * Plays clients that come, subscribe, publish and go, with a broker of its own that nobody can reach and that ends with it. The code of the way
 * of a CONNECT is then compiled before the first real one: after a restart all clients come back at once, and without it the first thousands
 * cost four times as much as those after them. No plugin of the configuration takes part, and no port is opened. Resolves when it is done, when `deadlineMs` are over,
 * or when `ended` says so; never rejects, for it can do nothing but make the start a little slower.
 */
export async function rehearse(real: GenerationInput, deadlineMs: number, ended: () => boolean): Promise<void> {
  if (deadlineMs <= 0) return;
  const until = performance.now() + deadlineMs;
  const raw = await checkRawSockets();
  if (!('sockets' in raw)) return;
  try {
    const set = await stage(real);
    if (set === null) return;
    // Twice: code that has only ever seen one broker is compiled for that one, and again when the one that counts comes.
    await perform(set, raw.sockets, VISITS / 8, () => performance.now() >= until || ended());
    await perform(set, raw.sockets, VISITS, () => performance.now() >= until || ended());
  } catch {
    // Whatever it was will show, or not, in the broker that counts.
  }
}

interface Stage {
  readonly input: GenerationInput;
  readonly options: ListenerOptions;
}

async function perform({ input, options }: Stage, sockets: RawSockets, visits: number, over: () => boolean): Promise<void> {
  const broker = new Broker({ ...input, log: new Logger(() => {}, 'silent') });
  try {
    await broker.start();
    const door = broker.door(options, sockets);
    await call(door).catch(() => {});
    const here: Visitor[] = [];
    for (let visit = 0; visit < visits && !over(); visit += AT_A_TIME) await play(door, sockets, here, visit);
    for (const visitor of here) visitor.send(DISCONNECT);
    for (let turns = 0; turns < visits / 4 && !over(); turns += 1) await turn();
  } finally {
    await broker.stop();
  }
}

/**
 * A few of the process's own sockets, for code is also compiled for the kind of handle that it has seen. They come in by a port of the loopback
 * interface that is closed before the first of them is heard; whoever else found it in that moment is sent away.
 */
async function call(door: RawDoor): Promise<void> {
  const server = createServer();
  const callers: Socket[] = [];
  const accepted: RawHandle[] = [];
  const late = setTimeout(() => {
    for (const caller of callers) caller.destroy(new Error('the rehearsal waits no longer'));
  }, CALL_MS);
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const handle = rawServerOf(server);
    if (handle === null) return;
    handle.onconnection = (_status, visitor) => {
      if (visitor !== undefined) accepted.push(visitor);
    };
    const { port } = server.address() as AddressInfo;
    for (let i = 0; i < CALLERS; i += 1) callers.push(connectTo({ port, host: '127.0.0.1' }).on('error', () => {}));
    await Promise.all(callers.map((caller) => once(caller, 'connect')));
    for (let turns = 0; turns < 50 && accepted.length < CALLERS; turns += 1) await turn();
    server.close();
    const ports = new Set(callers.map(({ localPort }) => localPort));
    for (const visitor of accepted.splice(0)) {
      const peer: { port?: number } = {};
      visitor.getpeername(peer);
      if (ports.has(peer.port)) door.take(visitor);
      else visitor.close();
    }
    const answers = callers.map((caller) => once(caller, 'data'));
    for (const [index, caller] of callers.entries()) caller.write(connect(index));
    await Promise.all(answers);
    const ends = callers.map((caller) => once(caller.resume(), 'close'));
    for (const caller of callers) caller.end(DISCONNECT);
    await Promise.all(ends);
  } finally {
    clearTimeout(late);
    server.close();
    for (const visitor of accepted) visitor.close();
    for (const caller of callers) caller.destroy();
  }
}

async function play(door: RawDoor, sockets: RawSockets, here: Visitor[], first: number): Promise<void> {
  const visitors: Visitor[] = [];
  for (let i = first; i < first + AT_A_TIME; i += 1) {
    const visitor = new Visitor(sockets);
    called(door.take, door, visitor);
    visitors.push(visitor);
    visitor.send(connect(i));
  }
  // A password that is hashed for the first time is answered by another thread.
  for (let turns = 0; turns < 50 && visitors.some(({ writes }) => writes === 0); turns += 1) await turn();
  // Most clients of a storm only come; a few do something.
  for (const [index, visitor] of visitors.entries()) {
    if (index % 8 !== 0) continue;
    visitor.send(subscribe(`r/${first + index}`));
    for (const qos of [0, 1, 2]) visitor.send(publish(`r/${first + index}`, qos));
  }
  await turn();
  here.push(...visitors);
  if (here.length >= STAYING) for (const visitor of here.splice(0, AT_A_TIME)) visitor.send(DISCONNECT);
  await turn();
}

/**
 * Calls a function as Node's native code does: from where the compiler cannot see, and so not as a part of whoever calls it. What was only ever
 * compiled into its caller has no code of its own when the real caller comes.
 */
function called<This, Argument>(callee: (this: This, argument: Argument) => void, self: This, argument: Argument): void {
  Array.from([argument], callee, self);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A socket handle with no socket behind it. */
class Visitor implements RawHandle {
  onread: (this: RawHandle) => void = () => {};
  readonly writeQueueSize = 0;
  writes = 0;
  readonly #sockets: RawSockets;
  #buffer: Uint8Array | null = null;

  constructor(sockets: RawSockets) {
    this.#sockets = sockets;
  }

  /** As if the kernel had it from a peer. */
  send(bytes: Buffer): void {
    if (this.#buffer === null) return;
    this.#buffer.set(bytes);
    this.#sockets.state[this.#sockets.bytesReadAt] = bytes.length;
    called<RawHandle, undefined>(this.onread, this, undefined);
  }

  useUserBuffer(buffer: Uint8Array): void {
    this.#buffer = buffer;
  }

  writeBuffer(): number {
    this.writes += 1;
    this.#sockets.state[this.#sockets.wasAsyncAt] = 0;
    return 0;
  }

  writev(): number {
    return this.writeBuffer();
  }

  readStart(): number {
    return 0;
  }

  readStop(): number {
    return 0;
  }

  shutdown(): number {
    return 0;
  }

  setNoDelay(): number {
    return 0;
  }

  getpeername(peer: { address?: string | undefined; port?: number | undefined }): number {
    peer.address = '127.0.0.1';
    peer.port = 1;
    return 0;
  }

  close(): void {
    this.#buffer = null;
  }
}

async function stage(real: GenerationInput): Promise<Stage | null> {
  // Each is hashed once, by another thread, and known after that.
  const stored = await Promise.all(Array.from({ length: USERS }, () => hashPassword(Buffer.from('rehearsal'), { format: 'sha512' })));
  const before = definePlugin({
    name: 'before',
    sdk: '^1.0.0',
    decides: { authenticate: ['skip'] },
    config: { type: 'object', additionalProperties: false, properties: {} },
    start({ hooks }) {
      hooks.authenticate.tap((_request, decide) => decide.skip());
    },
  });
  const definition = definePlugin({
    name: CHAIN,
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny'] },
    capabilities: ['policy'],
    config: { type: 'object', additionalProperties: false, properties: {} },
    start({ hooks, policy }) {
      policy.setTemplate('all', [EVERYTHING]);
      policy.setTemplate('more', [EVERYTHING]);
      hooks.authenticate.tap(({ credentials }, decide) => {
        const { username } = credentials;
        if (username === null) return decide.allow({ identity: { anonymous: true } });
        const hash = stored[Number(username.slice('user'.length))];
        return credentials.verify(hash).then((matches) => (matches ? decide.allow({ identity: { username } }) : decide.deny('bad-credentials')));
      });
      hooks.loadPolicy.tap(({ identity }, give) =>
        give.policy({ version: identity.anonymous === true ? 1 : 2, templates: identity.anonymous === true ? ['all'] : ['all', 'more'] }),
      );
    },
  });
  // Made from the real ones: code is compiled for the shape of what it reads.
  const { config, plugins } = real;
  const [listener] = config.listeners;
  const chain = config.chains.get(listener?.chain ?? '');
  const [model] = plugins;
  if (listener === undefined || chain === undefined || model === undefined) return null;
  const played = Object.freeze({
    ...chain,
    name: CHAIN,
    guards: [],
    authenticate: Object.freeze(['before', CHAIN]),
    authorize: Object.freeze([CHAIN]),
  });
  const entry = (name: string, played: PluginDefinition) => ({
    spec: Object.freeze({ ...model.spec, name, config: {}, onFault: 'refuse' as const, startup: 'exit' as const, publishTo: [] }),
    // Not the rest of the model's: one in a worker would be started there.
    loaded: { definition: played, root: '', packageName: name, version: model.loaded.version },
  });
  const options = Object.freeze({
    ...listener,
    name: CHAIN,
    chain: CHAIN,
    scheme: 'mqtt' as const,
    maxConnections: null,
    tls: null,
    proxyProtocol: null,
  });
  const input = {
    config: Object.freeze({ ...config, listeners: [], chains: new Map([[CHAIN, played]]) }),
    plugins: [entry('before', before), entry(CHAIN, definition)],
  };
  return { input, options };
}

function connect(visit: number): Buffer {
  const named = visit % 3 !== 0;
  const name = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, named ? 0xc2 : 0x02, 0, 60]);
  const fields = [`visitor-${visit}`, ...(named ? [`user${visit % USERS}`, 'rehearsal'] : [])];
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
