import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, standardFiles, temporaryFolder, writeFiles } from '../support/broker-process.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

interface Manifest {
  readonly decides: Readonly<Record<string, readonly string[]>>;
  readonly onFault?: 'skip' | 'refuse';
}

/** What an authority may say at authenticate, and whether failing over past it is sound: only if "no" is not among it (rule R7). */
const ALPHABETS: readonly (readonly [answers: readonly string[], sound: boolean])[] = [
  [['allow', 'skip'], true],
  [['allow', 'deny'], false],
  [['deny', 'skip'], false],
  [['allow', 'deny', 'skip'], false],
];

describe('portcullis check', () => {
  let folder: string;

  before(() => {
    folder = join(temporaryFolder(), 'mine');
    mkdirSync(join(folder, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, 'node_modules', '@portcullis', 'sdk'));
  });

  /** Checks a configuration in which the plugin `mine` is asked before the password file. */
  async function check({ decides, onFault }: Manifest, chain: Readonly<Record<string, unknown>>, without: readonly string[] = []) {
    const source =
      `import { definePlugin } from '@portcullis/sdk';\n` +
      `export default definePlugin({ name: 'mine', sdk: '^1.0.0', decides: ${JSON.stringify(decides)},\n` +
      `  config: { type: 'object', additionalProperties: false, properties: {} }, start() {} });\n`;
    const manifest = { name: 'mine', version: '1.0.0', type: 'module', exports: './index.js', dependencies: { '@portcullis/sdk': '^1.0.0' } };
    writeFiles(folder, { 'package.json': manifest, 'index.js': source });
    const standard = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n');
    const document = structuredClone(standard['plugins.json']) as { plugins: Record<string, unknown>; chains: Record<string, unknown> };
    document.plugins.mine = { use: folder, isolation: 'inProcess', ...(onFault === undefined ? {} : { onFault }) };
    for (const name of without) delete document.plugins[name];
    document.chains.default = chain;
    return await runCommand({ args: ['check'], files: { ...standard, 'plugins.json': document } });
  }

  const CHAIN = { authenticate: ['mine', 'passwords'], authorize: ['rules'] };

  for (const [answers, sound] of ALPHABETS) {
    const title = sound ? 'lets a chain fail over past' : 'refuses to let a chain fail over past, and says why,';
    it(`${title} an authority that may say ${answers.join(', ')}`, async () => {
      const { code, output } = await check({ decides: { authenticate: answers }, onFault: 'skip' }, CHAIN);
      assert.equal(code, sound ? 0 : 1, output);
      const complaint = /plugins\.json:\d+:\d+ +plugins\.mine\.onFault: "skip" is only for an authority that never denies .*could get in/;
      if (sound) assert.match(output, /plugins\.json is fine/);
      else assert.match(output, complaint);
    });
  }

  it('refuses failover past a plugin that does not say what it answers, and lets one that may deny stay final', async () => {
    const undeclared = await check({ decides: { authorize: ['allow'] }, onFault: 'skip' }, { ...CHAIN, authorize: ['rules', 'mine'] });
    assert.equal(undeclared.code, 1, undeclared.output);
    assert.match(undeclared.output, /plugins\.mine\.onFault: "skip" is only for an authority that never denies/);
    const final = await check({ decides: { authenticate: ['allow', 'deny', 'skip'] }, onFault: 'refuse' }, CHAIN);
    assert.equal(final.code, 0, final.output);
  });

  it('refuses a chain that asks nobody who a client is, and warns of one that gives nobody rights', async () => {
    const decides = { authorize: ['allow'] };
    for (const chain of [{ authenticate: [], authorize: ['rules', 'mine'] }, { authorize: ['rules', 'mine'] }]) {
      const { code, output } = await check({ decides }, chain);
      assert.equal(code, 1, output);
      assert.match(output, /plugins\.json:\d+:\d+ +chains\.default.*authenticate/);
    }
    for (const chain of [{ authenticate: ['mine', 'passwords'], authorize: [] }, { authenticate: ['mine', 'passwords'] }]) {
      const { code, output } = await check({ decides: { authenticate: ['allow', 'skip'] } }, chain, ['rules']);
      assert.equal(code, 0, output);
      assert.match(
        output,
        /^warning: .*plugins\.json:\d+:\d+ +chains\.default\.authorize: nobody is authorized: clients .* can connect, but neither publish nor subscribe/m,
      );
    }
  });
});
