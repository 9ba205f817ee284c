import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, type CommandResult, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const GUARD = 'hooks.guardSubscribe.tap((_request, decide) => decide.deny("banned"));';
const WARNING =
  /warning: plugins\.json:\d+:\d+ {2}plugins\.roster: taps guardSubscribe, but stands under "guards" of no chain, so it is never asked there — add it to "guards" of a chain, or remove the hook/g;

interface Roster {
  readonly isolation?: 'inProcess' | 'worker';
  /** More of the definition, as source. */
  readonly manifest?: string;
  readonly chain?: Readonly<Record<string, readonly string[]>>;
  /** How the start begins, as source. */
  readonly begin?: string;
}

const UNASKED = { authenticate: ['roster'], authorize: ['roster'] };

describe('a plugin whose guard stands under "guards" of no chain', () => {
  let folder = '';
  let broker: BrokerProcess | null = null;

  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(join(folder, 'roster', 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, 'roster', 'node_modules', '@portcullis', 'sdk'));
  });

  afterEach(async () => {
    await broker?.stop();
    broker = null;
    rmSync(folder, { recursive: true, force: true });
  });

  function install({ isolation = 'inProcess', manifest = '', chain = UNASKED, begin = '' }: Roster): void {
    writeFiles(folder, {
      'roster/package.json': { name: 'roster', version: '1.0.0', type: 'module', exports: './index.js' },
      'roster/index.js': `import { existsSync } from 'node:fs';
import { BackendUnavailable, definePlugin } from '@portcullis/sdk';
export default definePlugin({ name: 'roster', sdk: '^1.0.0', decides: { authenticate: ['allow'] }, ${manifest}
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks, baseFolder }) {
    ${begin}
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
    hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, rules: [] }));
    ${GUARD}
  } });
`,
      'plugins.json': {
        version: 1,
        control: { socket: 'control.sock' },
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
        plugins: { roster: { use: './roster', isolation } },
        chains: { default: chain },
      },
    });
  }

  const run = (...args: string[]): Promise<CommandResult> => runCommand({ folder, args: [...args, '-c', 'plugins.json'] });
  const warnings = (output: string): number => output.match(WARNING)?.length ?? 0;

  for (const isolation of ['inProcess', 'worker'] as const) {
    it(`is warned of by serve, by a reload and by check --probe, and serves all the same (${isolation})`, async () => {
      install({ isolation });
      const probed = await run('check', '--probe');
      assert.equal(probed.code, 0, probed.output);
      assert.equal(warnings(probed.output), 1, probed.output);
      broker = await BrokerProcess.start({ folder });
      await broker.waitForOutput(/Portcullis is ready/);
      assert.equal(warnings(broker.output), 1, broker.output);

      install({ isolation, chain: { ...UNASKED, guards: ['roster'] } });
      const asked = await run('reload');
      assert.equal(asked.code, 0, asked.output);
      assert.equal(warnings(asked.output), 0, asked.output);
      install({ isolation });
      const unasked = await run('reload');
      assert.equal(unasked.code, 0, unasked.output);
      assert.equal(warnings(unasked.output), 1, unasked.output);
      assert.equal(warnings(broker.output), 2, broker.output);
    });
  }

  it('is warned of by check where its manifest lists what it taps, and once by those who start it', async () => {
    install({ manifest: "taps: ['authenticate', 'loadPolicy', 'guardSubscribe']," });
    for (const args of [['check'], ['check', '--probe']]) {
      const { code, output } = await run(...args);
      assert.equal(code, 0, output);
      assert.equal(warnings(output), 1, output);
    }
    broker = await BrokerProcess.start({ folder });
    await broker.waitForOutput(/Portcullis is ready/);
    assert.equal(warnings(broker.output), 1, broker.output);
  });

  it('is warned of in the log when its backend comes later than the broker', async () => {
    install({ begin: "if (!existsSync(baseFolder + '/backend')) throw new BackendUnavailable('no backend yet');" });
    broker = await BrokerProcess.start({ folder });
    await broker.waitForOutput(/Portcullis is ready/);
    assert.equal(warnings(broker.output), 0, broker.output);
    writeFiles(folder, { backend: '' });
    await broker.waitForOutput(/taps guardSubscribe, but stands under \\?"guards\\?" of no chain/);
  });

  it('is told of every list, for rights and logins as for guards', async () => {
    install({ chain: { guards: ['roster'], authenticate: ['roster'] } });
    const { code, output } = await run('check', '--probe');
    assert.equal(code, 0, output);
    assert.match(
      output,
      /plugins\.roster: taps loadPolicy, but stands under "authorize" of no chain, so it is never asked there — add it to "authorize"/,
    );
    assert.equal(warnings(output), 0, output);
  });
});
