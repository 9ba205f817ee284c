import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Logger } from '../log.js';
import { RefusalLog } from './refusal-log.js';

function scene() {
  const lines: string[] = [];
  const log = new RefusalLog(new Logger((line) => lines.push(line.slice(25)), 'debug'));
  return { log, lines };
}

test('A limit that is reached is said once, however many it concerns, and once more when nobody was refused for a while.', () => {
  const { log, lines } = scene();
  for (let i = 0; i < 1000; i += 1) log.refused('address', i, { address: '192.0.2.1' });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^warn .*maxConnectionsPerAddress is reached reason=address address=192\.0\.2\.1$/);
  log.passed(10_000);
  assert.equal(lines.length, 1);
  log.passed(11_000);
  assert.match(lines[1] ?? '', /^info .*let in again reason=address refused=1000$/);
  log.passed(50_000);
  assert.equal(lines.length, 2);
  log.refused('address', 60_000, {});
  assert.equal(lines.length, 3);
});

test('Reasons do not hide each other, and an episode that ended unseen is ended by the next.', () => {
  const { log, lines } = scene();
  log.refused('connections', 0, {});
  log.refused('descriptors', 0, {});
  assert.equal(lines.length, 2);
  log.refused('connections', 20_000, {});
  assert.equal(lines.length, 5);
  assert.equal(lines.filter((line) => line.includes('let in again')).length, 2);
});
