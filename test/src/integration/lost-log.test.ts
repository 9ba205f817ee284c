import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const COMMAND = fileURLToPath(new URL('../../../core/bin/portcullis.js', import.meta.url));
const ALICE = { clientId: 'a', username: 'alice', password: 'secret' };

describe('a log that nobody reads any more', () => {
  it('keeps no client out, and the broker still stops', async () => {
    // Only for its folder.
    const other = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
    const env = { ...process.env, PORTCULLIS_PORT: '0', PORTCULLIS_WS_PORT: '0' };
    const broker = spawn(process.execPath, [COMMAND], { cwd: other.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      const ended = once(broker, 'exit');
      let output = '';
      broker.stdout.setEncoding('utf8');
      for await (const text of broker.stdout) {
        output += text;
        if (output.includes('ready')) break;
      }
      broker.stderr.destroy();
      const port = Number(/mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
      for (const [password, answer] of [
        ['wrong', '20 02 00 04'],
        ['wrong', '20 02 00 04'],
        ['secret', '20 02 00 00'],
      ] as const) {
        const client = await WireClient.connect(port);
        client.send(connect311({ ...ALICE, password }));
        await client.expect(answer);
        client.close();
      }
      broker.kill('SIGTERM');
      const [status] = await ended;
      assert.equal(status, 0);
    } finally {
      broker.kill('SIGKILL');
      await other.stop();
    }
  });
});
