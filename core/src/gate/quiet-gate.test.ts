import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gate } from './gate.js';
import { gateRig, INFO } from './gate.test.support.js';
import { QuietGate } from './quiet-gate.js';

test('How a CONNECT that was only asked about ends is told where such questions count, and nowhere else.', () => {
  for (const counts of [true, false]) {
    const { gate, standing, stats } = gateRig();
    standing.global.tapped.add('connectDecided');
    const told: unknown[] = [];
    const live = {
      connectDecided: (...[hook, , outcome, code, , , detail]: Parameters<Gate['connectDecided']>) => told.push([hook, outcome, code, detail]),
      connectAbandoned: (...[client, username]: Parameters<Gate['connectAbandoned']>) => told.push([client.id, username]),
    } as unknown as Gate;
    const quiet = new QuietGate(gate.options, standing, gate.tenancy, () => undefined, counts ? live : null);
    quiet.connectDecided('authenticate', 'users', 'deny', 0x86, INFO, 'ann', 'wrong password');
    quiet.connectAbandoned(INFO, 'ann');
    const expected = [
      ['authenticate', 'deny', 0x86, 'wrong password (explain)'],
      ['c1', 'ann'],
    ];
    assert.deepEqual(told, counts ? expected : []);
    assert.deepEqual([standing.global.told, stats.connectsRefused], [[], 0]);
    assert.deepEqual([quiet.last?.outcome, quiet.last?.reasonCode], ['deny', 0x86]);
  }
});
