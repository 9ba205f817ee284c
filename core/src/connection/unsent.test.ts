import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLimits } from '../limits.js';
import { Stats } from '../stats.js';
import { Unsent, type UnsentOwner } from './unsent.js';

const KIB = 1024;

class Socket implements UnsentOwner {
  unsent = 0;
  congested = 0;
  looks = 0;
  readonly #unsent: Unsent;
  #bytes = 0;

  constructor(unsent: Unsent) {
    this.#unsent = unsent;
  }

  get unsentNow(): number {
    this.looks += 1;
    return this.#bytes;
  }

  /** The kernel takes something, or the broker wrote; `noted`: somebody hears of it. */
  holds(bytes: number, noted = true): void {
    this.#bytes = bytes;
    if (noted) this.#unsent.note(this, bytes);
  }

  congest(): void {
    this.congested += 1;
  }
}

function scene(limitKib: number) {
  const stats = new Stats();
  const unsent = new Unsent({ limits: makeLimits({ maxTotalSocketBufferBytes: limitKib * KIB }), stats });
  return { stats, unsent, socket: () => new Socket(unsent) };
}

test('What all sockets hold is the sum of what each was last seen to hold.', () => {
  const { stats, socket } = scene(1000);
  const [a, b] = [socket(), socket()];
  a.holds(100);
  b.holds(50);
  a.holds(30);
  assert.equal(stats.socketBufferBytes, 80);
  a.holds(0);
  b.holds(0);
  assert.equal(stats.socketBufferBytes, 0);
});

test('When it is too much, everybody who is slow has to stop, also those that were so before; whoever is not slow goes on.', () => {
  const { unsent, socket } = scene(300);
  const [old, quick, last] = [socket(), socket(), socket()];
  old.holds(200 * KIB);
  quick.holds(10 * KIB);
  assert.equal(unsent.tooMuch(200 * KIB), false);
  last.holds(100 * KIB);
  assert.deepEqual([old.congested, quick.congested, last.congested], [1, 0, 1]);
  assert.equal(unsent.tooMuch(64 * KIB), true);
  assert.equal(unsent.tooMuch(64 * KIB - 1), false);
  old.holds(0);
  assert.equal(unsent.tooMuch(100 * KIB), false);
});

test('Before anybody is stopped it is looked what sockets really hold: a small rest goes without notice.', () => {
  const { stats, unsent, socket } = scene(300);
  const [gone, half, slow] = [socket(), socket(), socket()];
  gone.holds(60 * KIB);
  half.holds(150 * KIB);
  gone.holds(0, false);
  half.holds(20 * KIB, false);
  slow.holds(100 * KIB);
  assert.equal(stats.socketBufferBytes, 120 * KIB);
  assert.equal(slow.congested, 0);
  assert.equal(unsent.tooMuch(100 * KIB), false);
});

test('Sockets are looked at once each time that it becomes too much, not at every write.', () => {
  const { stats, socket } = scene(300);
  const [slow, other] = [socket(), socket()];
  slow.holds(290 * KIB);
  for (let i = 0; i < 1000; i += 1) other.holds((i % 2) * 20 * KIB);
  assert.equal(slow.looks, 1);
  assert.equal(slow.congested, 1);
  slow.holds(0);
  other.holds(0);
  assert.equal(stats.socketBufferBytes, 0);
  slow.holds(310 * KIB);
  assert.equal(slow.congested, 2);
});
