import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, runCommand, standardFiles, temporaryFolder } from '../support/broker-process.js';
import { debianTools, runTool, startTool, type Tool, WITHOUT_DEBIAN } from '../support/debian-tools.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const PASSWD = fileURLToPath(new URL('../../../plugins/password-file/bin/portcullis-passwd.js', import.meta.url));
const ours: Tool = { path: process.execPath, env: {} };
/** Passwords that a careless tool would cut, trim or recode. */
const PASSWORDS = ['simple', 'with space ', 'ünïcödé', '$6$not$a$hash', 'quo\'te"s', 'x'.repeat(70)];

describe('password files of Mosquitto and ours', { skip: WITHOUT_DEBIAN }, () => {
  let folder: string;

  before(() => {
    folder = temporaryFolder();
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  async function answers(port: number, username: string, password: string): Promise<string> {
    const client = await WireClient.connect(port);
    client.send(connect311({ clientId: '', username, password }));
    const packet = await client.readPacket('CONNACK');
    client.close();
    return packet;
  }

  it('written by mosquitto_passwd let the same users into this broker', async () => {
    const file = join(folder, 'theirs');
    for (const [index, password] of PASSWORDS.entries()) {
      const { code, stderr } = await runTool(debianTools().mosquittoPasswd, ['-b', ...(index === 0 ? ['-c'] : []), file, `user${index}`, password]);
      assert.equal(code, 0, stderr);
    }
    const broker = await BrokerProcess.start({ files: { ...standardFiles({}, '# nothing\n'), 'data/passwords': readFileSync(file, 'utf8') } });
    try {
      for (const [index, password] of PASSWORDS.entries()) {
        assert.equal(await answers(broker.port('local'), `user${index}`, password), '20 02 00 00');
        assert.equal(await answers(broker.port('local'), `user${index}`, `${password}x`), '20 02 00 04');
        assert.equal(await answers(broker.port('local'), `user${index}`, password.slice(0, -1)), '20 02 00 04');
      }
    } finally {
      assert.equal(await broker.stop(), 0);
    }
  });

  it('written by portcullis-passwd let the same users into Mosquitto', async () => {
    for (const format of ['sha512', 'sha512-pbkdf2']) {
      const file = join(folder, `ours-${format}`);
      for (const [index, password] of PASSWORDS.entries()) {
        const created = index === 0 ? ['-c'] : [];
        const { code, stderr } = await runTool(ours, [PASSWD, '-H', format, '-b', ...created, file, `user${index}`, password]);
        assert.equal(code, 0, stderr);
      }
      const port = await freePort();
      const config = join(folder, `mosquitto-${format}.conf`);
      writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file ${file}\nuser root\n`);
      const mosquitto = startTool(debianTools().mosquitto, ['-c', config]);
      try {
        await mosquitto.printed(/running/);
        for (const [index, password] of PASSWORDS.entries()) {
          assert.equal(await answers(port, `user${index}`, password), '20 02 00 00', format);
          assert.notEqual(await answers(port, `user${index}`, `${password}x`), '20 02 00 00', format);
        }
      } finally {
        mosquitto.stop();
        await mosquitto.ended;
      }
    }
  });

  it('are edited by either tool without harm to the other lines', async () => {
    const file = join(folder, 'both');
    await runTool(ours, [PASSWD, '-b', '-c', file, 'argon', 'one']);
    await runTool(ours, [PASSWD, '-H', 'sha512-pbkdf2', '-b', file, 'pbkdf', 'two']);
    assert.equal((await runTool(debianTools().mosquittoPasswd, ['-b', file, 'theirs', 'three'])).code, 0);
    assert.equal((await runTool(ours, [PASSWD, '-b', file, 'pbkdf', 'new'])).code, 0);
    assert.equal((await runTool(debianTools().mosquittoPasswd, ['-D', file, 'argon'])).code, 0);
    const broker = await BrokerProcess.start({ files: { ...standardFiles({}, '# nothing\n'), 'data/passwords': readFileSync(file, 'utf8') } });
    try {
      const port = broker.port('local');
      assert.equal(await answers(port, 'argon', 'one'), '20 02 00 04');
      assert.equal(await answers(port, 'pbkdf', 'two'), '20 02 00 04');
      assert.equal(await answers(port, 'pbkdf', 'new'), '20 02 00 00');
      assert.equal(await answers(port, 'theirs', 'three'), '20 02 00 00');
    } finally {
      assert.equal(await broker.stop(), 0);
    }
  });

  it('in plain text are refused with a word on how to hash them, and -U does it', async () => {
    const files = { ...standardFiles({}, '# nothing\n'), 'data/passwords': 'alice:secret\n' };
    const refused = await runCommand({ files });
    assert.equal(refused.code, 1);
    assert.match(refused.output, /passwords:1.*portcullis-passwd -U/);
    assert.ok(!refused.output.includes('secret'), 'a password in the log');
    const file = join(folder, 'plain');
    writeFileSync(file, 'alice:secret\n', { mode: 0o600 });
    assert.equal((await runTool(ours, [PASSWD, '-U', file])).code, 0);
    const broker = await BrokerProcess.start({ files: { ...files, 'data/passwords': readFileSync(file, 'utf8') } });
    try {
      assert.equal(await answers(broker.port('local'), 'alice', 'secret'), '20 02 00 00');
    } finally {
      assert.equal(await broker.stop(), 0);
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
