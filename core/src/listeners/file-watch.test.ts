import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ManualClock, TimerWheel } from '../clock.js';
import { FileWatch } from './file-watch.js';

describe('a watch over files', () => {
  let folder: string;
  let cert: string;
  let key: string;
  let wheel: TimerWheel;
  let clock: ManualClock;
  let watch: FileWatch;
  let told: number;
  /** What happens while the files are read. */
  let meanwhile: () => void;
  let moving: readonly string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-watch-'));
    [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(cert, 'cert 1');
    writeFileSync(key, 'key 1');
    clock = new ManualClock();
    wheel = new TimerWheel(clock, (error) => assert.ifError(error));
    told = 0;
    meanwhile = () => {};
    watch = new FileWatch(wheel, [cert, key], async () => {
      told += 1;
      meanwhile();
      moving = await watch.moving();
    });
    // They may have changed since they were read: told once, whatever they are.
    await watch.look();
    await watch.look();
    assert.equal(told, 1);
    told = 0;
  });

  afterEach(() => {
    watch.stop();
    wheel.stop();
    rmSync(folder, { recursive: true });
  });

  test('tells of a change at the second look that shows it, and once', async () => {
    writeFileSync(cert, 'cert 2, longer');
    await watch.look();
    assert.equal(told, 0);
    await watch.look();
    assert.deepEqual([told, moving], [1, []]);
    await watch.look();
    await watch.look();
    assert.equal(told, 1);
  });

  test('does not tell while a file grows', async () => {
    for (let length = 7; length < 12; length += 1) {
      writeFileSync(cert, 'x'.repeat(length));
      await watch.look();
    }
    assert.equal(told, 0);
    await watch.look();
    assert.equal(told, 1);
  });

  test('says that the second file of a pair is still on its way, and tells of it when it rests', async () => {
    writeFileSync(cert, 'cert 2, longer');
    await watch.look();
    writeFileSync(key, 'key 2, longer');
    await watch.look();
    assert.deepEqual([told, moving], [1, [key]]);
    await watch.look();
    assert.deepEqual([told, moving], [2, []]);
  });

  test('tells of a file while another never comes to rest', async () => {
    writeFileSync(cert, 'cert 2, longer');
    for (let length = 7; length < 12; length += 1) {
      writeFileSync(key, 'x'.repeat(length));
      await watch.look();
    }
    assert.deepEqual([told, moving], [1, [key]]);
  });

  test('tells of a file that is gone when it has been so for as long as it may be, and of its coming back as soon as it rests', async () => {
    const told: string[] = [];
    const patient = new FileWatch(wheel, [cert], async () => void told.push((await patient.moving()).join()), { lookMs: 3_600_000, goneMs: 2000 });
    const looks = async (): Promise<void> => {
      await patient.look();
      await patient.look();
    };
    await looks();
    assert.deepEqual(told, ['']);
    rmSync(cert);
    await looks();
    assert.deepEqual(await patient.moving(), [cert]);
    clock.advance(1900);
    await looks();
    assert.deepEqual(told, ['']);
    clock.advance(200);
    await patient.look();
    assert.deepEqual(told, ['', '']);
    writeFileSync(cert, 'cert 3');
    await looks();
    assert.deepEqual(told, ['', '', '']);
    patient.stop();
  });

  test('tells again of a file that it was told to forget, though that is as it was', async () => {
    watch.forget([key]);
    await watch.look();
    await watch.look();
    assert.deepEqual([told, moving], [1, []]);
  });

  test('knows a file that was moved over another, of the same length and time', async () => {
    writeFileSync(`${cert}.new`, 'cert 2');
    renameSync(`${cert}.new`, cert);
    await watch.look();
    await watch.look();
    assert.equal(told, 1);
  });

  test('tells of a file that an editor removed for a moment once it is there again', async () => {
    rmSync(cert);
    await watch.look();
    writeFileSync(cert, 'cert 2');
    await watch.look();
    assert.equal(told, 0);
    await watch.look();
    assert.equal(told, 1);
  });

  test('says that files have changed while they were read, and tells of them again', async () => {
    writeFileSync(cert, 'cert 2, longer');
    await watch.look();
    meanwhile = () => writeFileSync(key, 'key 2, longer');
    await watch.look();
    assert.deepEqual([told, moving], [1, [key]]);
    meanwhile = () => {};
    await watch.look();
    await watch.look();
    assert.deepEqual([told, moving], [2, []]);
  });

  test('looks by itself a second after the last look has ended, and not when it was stopped', async () => {
    writeFileSync(cert, 'cert 2, longer');
    const second = new Promise<void>((resolve) => {
      meanwhile = resolve;
    });
    let over = false;
    void second.then(() => {
      over = true;
    });
    while (!over) {
      clock.advance(1025);
      await new Promise(setImmediate);
    }
    assert.equal(told, 1);
    watch.stop();
    writeFileSync(cert, 'cert 3');
    clock.advance(10_000);
    await watch.look();
    await watch.look();
    assert.equal(told, 1);
  });
});
