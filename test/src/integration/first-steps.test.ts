import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { BrokerProcess, runCommand, temporaryFolder } from '../support/broker-process.js';
import { debianTools, runTool, startTool, WITHOUT_DEBIAN } from '../support/debian-tools.js';

/** Splits a printed command line as a shell would, as far as quickstart lines go. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

const START = fileURLToPath(new URL('../../../scripts/start.js', import.meta.url));

it('`npm start` becomes a broker and ends with the signal that npm hands on', async () => {
  const broker = await BrokerProcess.start({ command: START, args: [], listeners: ['local', 'web'] });
  await broker.waitForOutput(/mosquitto_sub -h 127\.0\.0\.1/);
  assert.equal(await broker.stop(), 0, broker.output);
  const busy = await BrokerProcess.start({ command: START, args: [], listeners: ['local', 'web'] });
  const port = String(busy.port('local'));
  const second = await runCommand({ command: START, args: [], env: { PORTCULLIS_PORT: port } });
  assert.equal(second.code, 1);
  assert.match(second.output, new RegExp(`^.*${port}.*in use.*$`, 'm'));
  assert.equal(await busy.stop(), 0);
});

describe('the first steps of the README', () => {
  let folder: string;
  let broker: BrokerProcess;

  before(async () => {
    folder = temporaryFolder();
    broker = await BrokerProcess.start({ folder, args: ['serve', '--quickstart'], listeners: ['local', 'web'] });
    await broker.waitForOutput(/WebSocket: ws:.*\n/);
  });

  after(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function printed(name: string): string[] {
    const line = broker.output.split('\n').find((candidate) => candidate.includes(`${name} -h`));
    assert.ok(line, broker.output);
    return words(line.slice(line.indexOf(name))).slice(1);
  }

  it('make files that only their owner can read, without the password in them', () => {
    const password = printed('mosquitto_sub')[printed('mosquitto_sub').indexOf('-P') + 1] ?? '';
    assert.match(password, /^[A-Za-z0-9_-]{24}$/);
    for (const name of ['data/passwords', 'data/acl']) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
      assert.ok(!readFileSync(join(folder, name), 'utf8').includes(password));
    }
    assert.equal(statSync(join(folder, 'data')).mode & 0o777, 0o700);
    assert.ok(!readFileSync(join(folder, 'plugins.json'), 'utf8').includes(password));
    assert.match(readFileSync(join(folder, 'data/passwords'), 'utf8'), /^admin:\$argon2id\$/);
  });

  it('print two lines that work when pasted', { skip: WITHOUT_DEBIAN }, async () => {
    const sub = startTool(debianTools().mosquittoSub, [...printed('mosquitto_sub'), '-C', '1', '-d']);
    await sub.printed(/^Subscribed/m);
    const pub = await runTool(debianTools().mosquittoPub, printed('mosquitto_pub'));
    assert.equal(pub.code, 0, pub.stderr);
    const { stdout, code } = await sub.ended;
    assert.equal(code, 0);
    assert.match(stdout, /^demo\/hello it works$/m);
  });

  it('print a WebSocket address that works', async () => {
    const [, url = ''] = /WebSocket: (ws:\S+)/.exec(broker.output) ?? [];
    const password = printed('mosquitto_sub')[printed('mosquitto_sub').indexOf('-P') + 1] ?? '';
    const client = await mqtt.connectAsync(url, { username: 'admin', password, reconnectPeriod: 0 }, false);
    await client.endAsync();
    await assert.rejects(
      mqtt.connectAsync(url, { username: 'admin', password: `${password}x`, reconnectPeriod: 0 }, false),
      /bad user ?name or password/i,
    );
  });

  it('do not repeat the password at the second start, and keep what is there', async () => {
    assert.equal(await broker.stop(), 0);
    const before = readFileSync(join(folder, 'data/passwords'), 'utf8');
    broker = await BrokerProcess.start({ folder, args: ['serve', '--quickstart'] });
    assert.equal(readFileSync(join(folder, 'data/passwords'), 'utf8'), before);
    assert.doesNotMatch(broker.output, /password:/);
  });

  it('leave an own configuration alone, and refuse when a file of it is missing', async () => {
    assert.equal(await broker.stop(), 0);
    rmSync(join(folder, 'data/passwords'));
    const text = readFileSync(join(folder, 'plugins.json'), 'utf8');
    writeFileSync(join(folder, 'plugins.json'), `${text}\n`);
    broker = new BrokerProcess({ folder, args: ['serve', '--quickstart'] });
    assert.equal(await broker.exited(), 1);
    assert.equal(readFileSync(join(folder, 'plugins.json'), 'utf8'), `${text}\n`);
    assert.ok(!existsSync(join(folder, 'data/passwords')));
    assert.match(broker.output, /data\/passwords/);
    assert.doesNotMatch(broker.output, /listening name=/);
  });
});
