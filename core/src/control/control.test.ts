import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { askBroker, NoAnswer } from './client.js';
import { type ControlAnswer, type ControlCommand, ControlServer, type ControlServerOptions } from './index.js';

const LIMITS = { ...makeLimits({ maxControlConnections: 2, maxControlRequestBytes: 256, controlTimeoutMs: 100 }) };

describe('the control socket', () => {
  let folder: string;
  let path: string;
  let server: ControlServer;
  let logged: string[];
  /** Those who are waited for, with what happens when they took too long. */
  let deadlines: { milliseconds: number; pass: () => void }[];
  let release: () => void;

  const commands = new Map<string, ControlCommand>([
    ['echo', (request) => ({ ok: true, heard: request })],
    [
      'wait',
      () =>
        new Promise<ControlAnswer>((resolve) => {
          release = () => resolve({ ok: true, waited: true });
          opened();
        }),
    ],
    ['throw', () => Promise.reject(new Error('it broke'))],
  ]);
  let opened: () => void = () => {};
  const waiting = (): Promise<void> =>
    new Promise((resolve) => {
      opened = resolve;
    });

  function open(more: Partial<ControlServerOptions> = {}): Promise<ControlServer> {
    return ControlServer.open({
      path,
      commands,
      limits: LIMITS,
      log: new Logger((line) => logged.push(line)),
      after: (milliseconds, pass) => {
        const deadline = { milliseconds, pass };
        deadlines.push(deadline);
        return () => void deadlines.splice(deadlines.indexOf(deadline), 1);
      },
      ...more,
    });
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-control-'));
    path = join(folder, 'control.sock');
    logged = [];
    deadlines = [];
    server = await open();
  });

  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  /** Sends text as it is and gives all that comes back. */
  function raw(text: string, then: (socket: Socket) => void = () => {}): Promise<string> {
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect({ path }, () => {
        socket.write(text);
        then(socket);
      });
      socket.setEncoding('utf8').on('data', (part) => {
        answer += part;
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(answer));
    });
  }

  test('is for the account of the broker alone', () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('answers one request a connection with one line, and closes', async () => {
    assert.equal(await raw('{"command":"echo","a":1}\n{"command":"echo","a":2}\n'), '{"ok":true,"heard":{"command":"echo","a":1}}\n');
    assert.deepEqual(await askBroker(path, { command: 'echo', b: 'ü' }, null), { ok: true, heard: { command: 'echo', b: 'ü' } });
  });

  test('takes the end of what was sent for the end of the line', async () => {
    assert.equal(await raw('{"command":"echo"}', (socket) => socket.end()), '{"ok":true,"heard":{"command":"echo"}}\n');
    assert.equal(await raw('', (socket) => socket.end()), '');
  });

  for (const [what, text] of [
    ['no JSON', '{"command"'],
    ['no object', '"status"'],
    ['null', 'null'],
    ['no command', '{"comand":"echo"}'],
    ['a command that is no text', '{"command":["echo"]}'],
  ] as const) {
    test(`refuses a request that is ${what}`, async () => {
      const answer = JSON.parse(await raw(`${text}\n`)) as { ok: boolean; problems: { message: string }[] };
      assert.equal(answer.ok, false);
      assert.match(answer.problems[0]?.message ?? '', /not a JSON object with a "command"/);
    });
  }

  test('refuses a command that it does not know, and says which it knows', async () => {
    const answer = await askBroker(path, { command: 'constructor' }, null);
    assert.deepEqual(answer, {
      ok: false,
      problems: [{ file: null, line: 0, column: 0, path: '', message: 'unknown command "constructor"', hint: 'it knows echo, wait, throw' }],
    });
  });

  test('turns a command that fails into a refusal, and logs it', async () => {
    const answer = await askBroker(path, { command: 'throw' }, null);
    assert.equal(answer.ok, false);
    assert.match(JSON.stringify(answer), /it broke/);
    assert.match(logged.join(), /command=throw cause="it broke"/);
  });

  test('does not read a request that is longer than maxControlRequestBytes to its end', async () => {
    const line = (bytes: number): string => `{"command":"echo","x":"${'x'.repeat(bytes - 25)}"}`;
    assert.match(await raw(`${line(256)}\n`), /^\{"ok":true/);
    assert.match(await raw(`${line(257)}\n`), /the request is too long/);
    assert.match(await raw('x'.repeat(100_000)), /the request is too long/);
  });

  test('holds at most maxControlConnections, tells the next so, and has room again when one goes', async () => {
    const first = waiting();
    const slow = askBroker(path, { command: 'wait' }, null);
    await first;
    let idle: Socket | undefined;
    const there = raw('', (socket) => {
      idle = socket;
    });
    const refused = await untilRefused();
    assert.match(JSON.stringify(refused), /too many connections/);
    release();
    assert.deepEqual(await slow, { ok: true, waited: true });
    assert.equal((await askBroker(path, { command: 'echo' }, null)).ok, true);
    idle?.destroy();
    await there;
  });

  /** The idle connection is there when the one after it is refused. */
  async function untilRefused(): Promise<ControlAnswer> {
    for (;;) {
      const answer = await askBroker(path, { command: 'echo' }, null);
      if (!answer.ok) return answer;
    }
  }

  test('closes whoever has not sent a request within controlTimeoutMs, but waits for its own commands', async () => {
    const silent = raw('{"comm', () => {});
    while (deadlines.length === 0) await new Promise(setImmediate);
    assert.equal(deadlines[0]?.milliseconds, 100);
    deadlines[0]?.pass();
    assert.equal(await silent, '');
    const begun = waiting();
    const slow = askBroker(path, { command: 'wait' }, null);
    await begun;
    assert.deepEqual(deadlines, []);
    release();
    assert.equal((await slow).ok, true);
  });

  test('is gone when it is closed, and answers those that it works for all the same', async () => {
    const begun = waiting();
    const slow = askBroker(path, { command: 'wait' }, null);
    await begun;
    const idle = raw('');
    await idleIsThere();
    const closed = server.close();
    assert.equal(await idle, '');
    await assert.rejects(askBroker(path, { command: 'echo' }, null), (error: Error) => error instanceof NoAnswer && /not there/.test(error.message));
    release();
    assert.equal((await slow).ok, true);
    await closed;
    server = await open();
  });

  async function idleIsThere(): Promise<void> {
    while (deadlines.length === 0) await new Promise(setImmediate);
  }

  test('is not taken from a broker that lives', async () => {
    await assert.rejects(open(), /control socket .*control\.sock: the socket is in use/);
    assert.equal((await askBroker(path, { command: 'echo' }, null)).ok, true);
  });
});

describe('whoever asks a broker', () => {
  const listening = async (answer: string | null): Promise<string> => {
    const { createServer } = await import('node:net');
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-control-'));
    const path = join(folder, 's');
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        if (answer !== null) socket.end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen({ path }, resolve));
    try {
      // A machine that is busy must not make one that answers look silent.
      await askBroker(path, { command: 'status' }, answer === null ? 50 : 10_000);
      return 'an answer';
    } catch (error) {
      assert.ok(error instanceof NoAnswer);
      return error.message;
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  };

  test('hears of one that is silent, says nothing, or is none', async () => {
    assert.equal(
      await listening(null),
      'has not answered within 0.05 s: the broker is there, but stands still; a plugin "inProcess" may be in a loop',
    );
    assert.equal(await listening(''), 'closed the connection without an answer');
    assert.equal(await listening('220 smtp ready\r\n'), 'answered with something else than a broker does');
    assert.equal(await listening('{"ok":1}\n'), 'answered with something else than a broker does');
    assert.equal(await listening('{"ok":true'), 'answered with something else than a broker does');
  });
});
