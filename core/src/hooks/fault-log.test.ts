import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '../clock.js';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import { type FaultKind, FaultLog } from './fault-log.js';

const KINDS: Readonly<Record<FaultKind, 'fault' | 'overload'>> = {
  threw: 'fault',
  'no-decision': 'fault',
  'foreign-decision': 'fault',
  malformed: 'fault',
  undeclared: 'fault',
  promise: 'fault',
  timeout: 'fault',
  unavailable: 'fault',
  overload: 'overload',
  'breaker-open': 'fault',
  'not-ready': 'fault',
  stopped: 'fault',
};

function makeLog() {
  const clock = new ManualClock();
  const stats = new Stats();
  const lines: string[] = [];
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const faults = new FaultLog(new Logger((line) => lines.push(line), 'warn'), stats, wheel, (name) => `/plugins/${name}`);
  const taken = (): string[] => lines.splice(0);
  return { clock, stats, faults, taken };
}

test('every kind of failure is counted once in total and once for its plugin, and for no other plugin', () => {
  for (const [kind, counts] of Object.entries(KINDS) as [FaultKind, 'fault' | 'overload'][]) {
    const { stats, faults, taken } = makeLog();
    faults.add('p', 'authenticate', kind, 'cause');
    const [fault, overload] = counts === 'fault' ? [1, 0] : [0, 1];
    assert.deepEqual([stats.pluginFaults, stats.pluginOverloads, stats.escapedErrors], [fault, overload, 0], kind);
    const { faults: own, overloads, timeouts } = stats.ofPlugin('p');
    assert.deepEqual([own, overloads, timeouts], [fault, overload, kind === 'timeout' ? 1 : 0], kind);
    const other = stats.ofPlugin('q');
    assert.deepEqual([other.faults, other.overloads, other.timeouts], [0, 0, 0], kind);
    const code = counts === 'fault' ? 'PCL_PLUGIN_FAULT' : 'PCL_PLUGIN_OVERLOAD';
    assert.match(taken().join('\n'), new RegExp(`warn .*${code} plugin=p hook=authenticate kind=${kind} cause=cause$`), kind);
  }
});

test('an answer that does not count is counted in total and for its plugin, under its own name only', () => {
  const names = ['lateAnswers', 'secondAnswers', 'foreignAnswers'] as const;
  for (const name of names) {
    const { stats, faults, taken } = makeLog();
    faults.ignored('p', name);
    for (const each of names) {
      const expected = each === name ? 1 : 0;
      assert.deepEqual([stats[each], stats.ofPlugin('p')[each], stats.ofPlugin('q')[each]], [expected, expected, 0], `${name} ${each}`);
    }
    assert.deepEqual(taken(), []);
  }
});

test('a burst is one line at once and one line each ten seconds while it lasts, for each plugin and kind', () => {
  const { clock, stats, faults, taken } = makeLog();
  for (let i = 0; i < 5; i += 1) faults.add('p', 'authenticate', 'threw', `cause ${i}`);
  faults.add('p', 'authenticate', 'timeout', 'another kind');
  faults.add('q', 'authenticate', 'threw', 'another plugin');
  faults.escaped('p', 'timer', new Error('and one that escaped'));
  faults.escaped('p', 'timer', new Error('twice'));
  assert.deepEqual(
    taken().map((line) => /cause="?([^"]*)/.exec(line)?.[1]),
    ['cause 0', 'another kind', 'another plugin', 'and one that escaped'],
  );
  assert.deepEqual([stats.pluginFaults, stats.escapedErrors], [7, 2]);

  clock.advance(9000);
  assert.deepEqual(taken(), []);
  clock.advance(1100);
  const [sum, escaped, ...rest] = taken();
  assert.match(sum ?? '', /\(last 10 s\).* plugin=p kind=threw times=4 cause="cause 4"$/);
  assert.match(escaped ?? '', /PCL_PLUGIN_ESCAPED plugin=p kind=escaped times=1/);
  assert.deepEqual(rest, [], 'one that was told at once is not told again');

  faults.add('p', 'authenticate', 'threw', 'it goes on');
  faults.add('q', 'authenticate', 'threw', 'a burst of its own');
  assert.match(taken().join('\n'), /^[^\n]*plugin=q [^\n]*a burst of its own"$/);
  clock.advance(10_100);
  assert.match(taken().join('\n'), /^[^\n]*\(last 10 s\)[^\n]* plugin=p kind=threw times=1 cause="it goes on"$/);
  clock.advance(10_100);
  faults.add('p', 'authenticate', 'threw', 'after a rest');
  assert.match(taken().join('\n'), /^[^\n]*hook=authenticate kind=threw cause="after a rest"$/);
});
