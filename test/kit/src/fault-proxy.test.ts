import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import type { FaultModeLike } from './fault-mode.js';
import { FaultProxy, faultProxy } from './fault-proxy.js';
import { until } from './until.js';

/** What came on a socket, and how it ended. */
class Caller {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  ended: string | null = null;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on('end', () => {
      this.ended ??= 'end';
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ended ??= error.code ?? 'error';
    });
    this.socket.on('close', () => {
      this.ended ??= 'close';
    });
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  say(text: string): this {
    this.socket.write(text);
    return this;
  }

  hears(text: string): Promise<void> {
    return until(`"${text}", after "${this.text}"`, () => this.text === text);
  }

  ends(how: string): Promise<void> {
    return until(`the end ${how}, not ${this.ended}`, () => this.ended === how);
  }
}

describe('the fault proxy', () => {
  let backend: Server;
  let port = 0;
  let heard = '';
  let proxy: FaultProxy;
  const callers: Caller[] = [];

  before(async () => {
    // Says back what it hears, twice.
    backend = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1');
        socket.write(Buffer.concat([chunk, chunk]));
      });
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const address = backend.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });

  after(() => backend.close());

  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.socket.destroy();
    await proxy.close();
    await until('the end of all connections', () => proxy.connections === 0);
  });

  const start = async (mode: FaultModeLike): Promise<void> => {
    heard = '';
    proxy = await faultProxy({ target: { port }, mode });
  };
  const call = (): Caller => {
    const caller = new Caller(proxy.port);
    callers.push(caller);
    return caller;
  };

  it('lets everything through both ways, and the end of either side', async () => {
    await start('pass');
    const caller = call().say('hello');
    await caller.hears('hellohello');
    caller.socket.end();
    await caller.ends('end');
    assert.equal(proxy.accepted, 1);
  });

  it('refuses connections, breaks those that stand, and listens on the same port again', async () => {
    await start('pass');
    const first = call().say('a');
    await first.hears('aa');
    const before = proxy.port;
    await proxy.set('refuse');
    await first.ends('ECONNRESET');
    await call().ends('ECONNREFUSED');
    await proxy.set('pass');
    assert.equal(proxy.port, before);
    await call().say('b').hears('bb');
  });

  it('can refuse from the beginning', async () => {
    await start('refuse');
    await call().ends('ECONNREFUSED');
  });

  it('swallows everything as a black hole, and gives it back when it heals', async () => {
    await start('pass');
    const living = call().say('a');
    await living.hears('aa');
    await proxy.set('blackhole');
    const caller = call().say('b');
    living.say('c');
    await new Promise((resolve) => caller.socket.once('connect', resolve));
    // Whatever could come through has come through once another connection, made later, has.
    const direct = new Caller(port);
    callers.push(direct);
    await direct.say('d').hears('dd');
    assert.deepEqual([caller.text, living.text, heard], ['', 'aa', 'ad']);
    await proxy.set('pass');
    await caller.hears('bb');
    await living.hears('aacc');
  });

  it('holds no more than its sockets do while the other side does not read', async () => {
    await start('blackhole');
    const caller = call();
    const megabyte = Buffer.alloc(1_048_576, 1);
    let taken = 0;
    for (let i = 0; i < 64 && caller.socket.write(megabyte, () => (taken += 1)); i += 1);
    for (let i = 0; i < 63; i += 1) caller.socket.write(megabyte, () => (taken += 1));
    await until('the sockets to be full', () => caller.socket.writableLength > 0);
    assert.ok(taken < 32, `${taken} MB were taken in`);
  });

  it('gives answers slowly, and at once again when it heals', async () => {
    await start({ kind: 'slow', bytesPerMs: 0.2 });
    const caller = call().say('x'.repeat(50));
    await until('the first bytes', () => caller.received.length > 0);
    assert.ok(caller.received.length < 50, `${caller.received.length} bytes at once`);
    await until('more', () => caller.received.length > 10);
    await proxy.set('pass');
    await caller.hears('x'.repeat(100));
  });

  for (const [kind, ending] of [
    ['reset', 'ECONNRESET'],
    ['truncate', 'end'],
  ] as const) {
    it(`ends with ${kind} after so many bytes of answers, counted from when that was said`, async () => {
      await start('pass');
      const living = call().say('abc');
      await living.hears('abcabc');
      await proxy.set({ kind, afterBytes: 3 });
      living.say('de');
      await living.ends(ending);
      assert.equal(living.text, 'abcabcded');
      const next = call().say('fg');
      await next.ends(ending);
      assert.equal(next.text, 'fgf');
      await proxy.set({ kind, afterBytes: 0 });
      const none = call().say('h');
      await none.ends(ending);
      assert.equal(none.text, '');
    });
  }

  it('replaces every byte of an answer by another one', async () => {
    await start('garbage');
    const caller = call().say('abcdefgh'.repeat(100));
    await until('the answer', () => caller.received.length === 1600);
    const said = Buffer.from('abcdefgh'.repeat(200));
    assert.ok(said.every((byte, index) => byte !== caller.received[index]));
  });

  it('breaks everything when told, and says what is no mode', async () => {
    await start('pass');
    const caller = call().say('a');
    await caller.hears('aa');
    proxy.resetAll();
    await caller.ends('ECONNRESET');
    assert.throws(() => proxy.set({ kind: 'slow', bytesPerMs: 0 }), /above 0/);
    assert.throws(() => proxy.set({ kind: 'reset', afterBytes: -1 }), /whole number/);
    assert.throws(() => proxy.set('broken' as 'pass'), /unknown fault mode "broken"/);
  });

  it('breaks the connection when the backend is not there', async () => {
    const nobody = createServer();
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    const address = nobody.address();
    const free = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => nobody.close(resolve));
    proxy = await FaultProxy.start({ target: { port: free } });
    await call().ends('ECONNRESET');
  });
});
