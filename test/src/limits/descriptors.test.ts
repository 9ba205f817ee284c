import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { platform } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, type FolderFiles, passwordLine, standardFiles, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect5, connect311, PINGREQ } from '../support/packets.js';
import { fromHex, WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAX_FILES = 256;
const ALICE = { username: 'alice', password: 'secret' };
const ACCEPTED = '20020000';

/** Holds as many files as there are, until it is told again. */
const HOG = `
import { closeSync, openSync } from 'node:fs';
import { definePlugin } from '@portcullis/sdk';
export default definePlugin({
  name: 'hog', sdk: '^1.0.0', config: { type: 'object', additionalProperties: false, properties: {} },
  start({ log }) {
    let files = [];
    process.on('SIGUSR2', () => {
      if (files.length > 0) {
        for (const file of files.splice(0)) closeSync(file);
        log.warn({}, 'the files are closed');
        return;
      }
      try { for (;;) files.push(openSync('/dev/null', 'r')); } catch (error) { log.warn({ code: error.code }, 'the files are gone'); }
    });
  },
});
`;

function files(): FolderFiles {
  return standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\nuser bob\ntopic readwrite t/#\n');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

interface Attempt {
  readonly socket: Socket;
  /** What was answered, in hexadecimal; empty when the socket was closed without a byte. */
  readonly answer: string;
}

describe('a process that may open few files', { skip: platform() !== 'linux' }, () => {
  let broker: BrokerProcess | null = null;
  let sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    await broker?.kill();
    broker = null;
  });

  async function start(more: FolderFiles = {}): Promise<BrokerProcess> {
    broker = await BrokerProcess.start({ files: { ...files(), ...more }, maxFiles: MAX_FILES });
    return broker;
  }

  async function attempt(port: number, clientId: string, credentials = ALICE, version: 4 | 5 = 4): Promise<Attempt> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    const answer = await new Promise<string>((resolve) => {
      socket.once('data', (bytes: Buffer) => resolve(bytes.toString('hex')));
      socket.once('close', () => resolve(''));
      socket.write(fromHex((version === 5 ? connect5 : connect311)({ clientId, ...credentials })));
    });
    return { socket, answer };
  }

  /** Connects until nobody is accepted any more. */
  async function fill(port: number): Promise<{ accepted: Socket[]; refused: string }> {
    const accepted: Socket[] = [];
    for (;;) {
      const { socket, answer } = await attempt(port, `c${accepted.length}`);
      if (answer !== ACCEPTED) return { accepted, refused: answer };
      accepted.push(socket);
      assert.ok(accepted.length < MAX_FILES);
    }
  }

  const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

  it('stops taking connections 64 below its limit, says so, and takes them again when others have gone', async () => {
    const { port, pid, running } = await facts();
    await running.waitForOutput(/may open too few files for maxConnections/);
    const { accepted, refused } = await fill(port);
    assert.equal(refused, '20020003');
    assert.equal((await attempt(port, 'five', ALICE, 5)).answer, '2003008900');
    // At the limit, and not long before it.
    const open = openFiles(pid);
    assert.ok(open <= MAX_FILES - 64 + 4 && open > MAX_FILES - 64 - 20, `${open} files`);
    await assert.rejects(WireClient.connectWebSocket(running.url('web')), /503/);
    for (let i = 0; i < 20; i += 1) assert.equal((await attempt(port, `more${i}`)).answer, '20020003');
    // One line for all of them, and those who are there do not notice.
    assert.equal(running.output.match(/reason=descriptors/g)?.length, 1);
    for (const socket of accepted) socket.write(fromHex(PINGREQ));
    await Promise.all(accepted.map((socket) => once(socket, 'data')));
    const gone = accepted.slice(0, 10);
    for (const socket of gone) socket.destroy();
    const again: string[] = [];
    // Its end must have been seen first; until then it is refused, and nothing else.
    for (let i = 0; again.length < 10 && i < 1000; i += 1) {
      const { answer } = await attempt(port, `again${i}`);
      if (answer === ACCEPTED) again.push(answer);
      else assert.equal(answer, '20020003');
    }
    assert.equal(again.length, 10);
    assert.equal((await attempt(port, 'last')).answer, '20020003');
  });

  it('refuses also those of whom there are too many to be told, and goes on answering', async () => {
    const { port, pid } = await facts();
    const before = openFiles(pid);
    const { accepted } = await fill(port);
    // The one that was refused is gone.
    await until(() => openFiles(pid) <= before + accepted.length);
    // Far more at once than there are places for refusals, and none says a word.
    const silent = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = connect(port, '127.0.0.1');
        sockets.push(socket);
        socket.on('error', () => {}).resume();
        const closed = new Promise((resolve) => socket.on('close', resolve));
        await new Promise((resolve) => socket.on('connect', resolve).on('close', resolve));
        return { socket, closed };
      }),
    );
    const stay = (): number => silent.filter(({ socket }) => !socket.destroyed).length;
    // The end of one is no sign that those of the others have been seen.
    await Promise.race(silent.map(({ closed }) => closed));
    await until(() => stay() <= 16);
    assert.equal((await attempt(port, 'more')).answer, '');
    assert.ok(openFiles(pid) <= MAX_FILES - 64 + 16 + 4, `${openFiles(pid)} files`);
    assert.equal(stay(), 16);
  });

  it('can be reloaded while it is full: files are read, and the new rules hold', async () => {
    const { port, running } = await facts();
    const { accepted } = await fill(port);
    const passwords = join(running.folder, 'data/passwords');
    appendFileSync(passwords, passwordLine('bob', 'hidden'));
    let since = running.output.length;
    running.signal('SIGHUP');
    await running.waitForOutput(/plugins were told to read their files again/, since);
    assert.match(running.output.slice(since), /users=2/);
    const document = JSON.parse(JSON.stringify(files()['plugins.json']));
    writeFileSync(join(running.folder, 'plugins.json'), JSON.stringify({ ...document, sessions: { perPrincipal: 500 } }));
    since = running.output.length;
    running.signal('SIGHUP');
    await running.waitForOutput(/reloaded the configuration/, since);
    assert.equal((await attempt(port, 'b', { username: 'bob', password: 'hidden' })).answer, '20020003');
    for (const socket of accepted.slice(0, 5)) socket.destroy();
    let answer = '';
    for (let i = 0; answer !== ACCEPTED && i < 1000; i += 1) answer = (await attempt(port, 'b', { username: 'bob', password: 'hidden' })).answer;
    assert.equal(answer, ACCEPTED);
    assert.doesNotMatch(running.output, /EMFILE| error /);
  });

  it('outlives that there is not a single file left, and serves again afterwards', async () => {
    const document = JSON.parse(JSON.stringify(files()['plugins.json']));
    const hog = temporaryFolder();
    mkdirSync(join(hog, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(hog, 'node_modules', '@portcullis', 'sdk'));
    writeFiles(hog, { 'package.json': { name: 'hog', version: '1.0.0', type: 'module', main: 'index.js' }, 'index.js': HOG });
    document.plugins.hog = { use: hog, isolation: 'inProcess' };
    const { port, running } = await facts({ 'plugins.json': document });
    const there = await attempt(port, 'there');
    assert.equal(there.answer, ACCEPTED);
    running.signal('SIGUSR2');
    await running.waitForOutput(/the files are gone .*code=EMFILE/);
    for (let i = 0; i < 50; i += 1) assert.equal((await attempt(port, `lost${i}`)).answer, '');
    // Whoever is there is served, and a reload that cannot read its file changes nothing.
    there.socket.write(fromHex(PINGREQ));
    await once(there.socket, 'data');
    const since = running.output.length;
    running.signal('SIGHUP');
    await running.waitForOutput(/EMFILE/, since);
    there.socket.write(fromHex(PINGREQ));
    await once(there.socket, 'data');
    running.signal('SIGUSR2');
    await running.waitForOutput(/the files are closed/);
    assert.equal((await attempt(port, 'again')).answer, ACCEPTED);
  });

  it('goes by what is configured where that is less than what it may open', async () => {
    const document = JSON.parse(JSON.stringify(files()['plugins.json']));
    const { port, pid } = await facts({ 'plugins.json': { ...document, limits: { maxFileDescriptors: 200, reservedFileDescriptors: 100 } } });
    const { accepted, refused } = await fill(port);
    assert.equal(refused, '20020003');
    const open = openFiles(pid);
    assert.ok(open <= 100 + 4 && open > 100 - 20, `${open} files`);
    assert.ok(accepted.length > 20);
  });

  async function facts(more: FolderFiles = {}): Promise<{ port: number; pid: number; running: BrokerProcess }> {
    const running = await start(more);
    return { port: running.port('local'), pid: running.pid, running };
  }
});
