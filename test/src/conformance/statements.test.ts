import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../src/conformance/', import.meta.url));

type Version = '3.1.1' | '5.0';
const VERSIONS: readonly Version[] = ['3.1.1', '5.0'];

/** Numbers of the specification's statements: those that a server's behaviour can show, and the others. */
const IDS: Record<Version, { testable: string[]; other: string[] }> = JSON.parse(readFileSync(`${FOLDER}statement-ids.json`, 'utf8'));
/** Statements that the broker does not meet, and why. */
const UNMET: Record<Version, Record<string, string>> = JSON.parse(readFileSync(`${FOLDER}statements.json`, 'utf8'));

/** Statement numbers in the titles of tests: `3.1.1 [MQTT-…] [MQTT-…] 5.0 [MQTT-…] what is shown`. */
function titled(): Record<Version, Set<string>> {
  const found: Record<Version, Set<string>> = { '3.1.1': new Set(), '5.0': new Set() };
  for (const name of readdirSync(FOLDER)) {
    if (!name.endsWith('.test.ts')) continue;
    for (const [, title = ''] of readFileSync(FOLDER + name, 'utf8').matchAll(/\bit\(\s*'((?:[^'\\]|\\.)*)'/g)) {
      for (const [, version, ids = ''] of title.matchAll(/(3\.1\.1|5\.0)((?: \[MQTT-[0-9.]+-[0-9]+\])+)/g)) {
        for (const [, id = ''] of ids.matchAll(/\[MQTT-([^\]]+)\]/g)) found[version as Version].add(id);
      }
    }
  }
  return found;
}

describe('the statements of the specifications', () => {
  const shown = titled();

  for (const version of VERSIONS) {
    it(`of ${version} are each in the title of a test, or listed as not met`, () => {
      const missing = IDS[version].testable.filter((id) => !shown[version].has(id) && UNMET[version][id] === undefined);
      assert.deepEqual(missing, []);
    });

    it(`of ${version} exist where a title names one`, () => {
      const known = new Set([...IDS[version].testable, ...IDS[version].other]);
      assert.deepEqual(
        [...shown[version]].filter((id) => !known.has(id)),
        [],
      );
    });

    it(`of ${version} are not both shown and listed as not met, and every reason is a sentence`, () => {
      for (const [id, reason] of Object.entries(UNMET[version])) {
        assert.ok(IDS[version].testable.includes(id), `${id} is no statement that can be shown`);
        assert.ok(!shown[version].has(id), `${id} is shown by a test`);
        assert.match(reason, /^[A-Z].{20,}\.$/);
      }
    });
  }
});
