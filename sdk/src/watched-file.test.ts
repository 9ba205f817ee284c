import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { InvalidPluginConfig } from './errors.js';
import { WatchedFile, type WatchedFileOptions } from './watched-file.js';

let folder: string;
let path: string;
let texts: string[];
let errors: string[];
let stop: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watched-'));
  path = join(folder, 'file');
  texts = [];
  errors = [];
  stop = new AbortController();
});

afterEach(() => rm(folder, { recursive: true }));

function watched(options: Partial<WatchedFileOptions> = {}): WatchedFile {
  const silent = () => undefined;
  return new WatchedFile({
    path,
    gives: 'words',
    hint: 'write one',
    signal: stop.signal,
    timers: { after: () => silent, every: () => silent },
    log: { debug: silent, info: silent, warn: silent, error: (_, message) => errors.push(message) },
    onText: (text) => {
      if (text.includes('bad')) throw new InvalidPluginConfig(`${path}:1: is bad`);
      texts.push(text);
    },
    ...options,
  });
}

async function looks(file: WatchedFile, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await file.look();
}

test('the first reading hands over the text without its byte order mark, and the mode', async () => {
  await writeFile(path, '\uFEFFone\ntwo', { mode: 0o640 });
  await chmod(path, 0o640);
  let mode = 0;
  const file = watched({
    onText: (text, info) => {
      texts.push(text);
      mode = info.mode;
    },
  });
  await file.open();
  assert.deepEqual(texts, ['one\ntwo']);
  assert.equal(mode, 0o640);
});

test('what cannot be used is named at the first reading', async () => {
  const broken: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
    ['missing', async () => undefined, /file: there is no such file; write one$/],
    ['folder', () => mkdir(path), /is not a regular file/],
    ['pipe', async () => execFileSync('mkfifo', [path]), /is not a regular file/],
    ['too large', () => writeFile(path, 'x'.repeat(101)), /is larger than 100 bytes/],
    ['not UTF-8', () => writeFile(path, Buffer.from('61 0a 62 0a c3 28 0a'.replaceAll(' ', ''), 'hex')), /file:3: is not UTF-8/],
    ['zero byte', () => writeFile(path, 'a\nb\0'), /file:2: holds a U\+0000/],
    ['refused', () => writeFile(path, 'bad'), /file:1: is bad$/],
  ];
  for (const [name, make, message] of broken) {
    await make();
    await assert.rejects(
      watched({ maxBytes: 100 }).open(),
      (error: unknown) => error instanceof InvalidPluginConfig && message.test(error.message),
      name,
    );
    await rm(path, { recursive: true, force: true });
  }
});

test('a change is taken when two looks in a row have seen it', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await looks(file, 4);
  assert.deepEqual(texts, ['one']);
  await writeFile(path, 'half');
  await file.look();
  await writeFile(path, 'whole text');
  await file.look();
  assert.deepEqual(texts, ['one']);
  await file.look();
  assert.deepEqual(texts, ['one', 'whole text']);
});

test('a file moved over the old one, and a link that points elsewhere, are seen', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await writeFile(`${path}.new`, 'two');
  await rename(`${path}.new`, path);
  await looks(file, 2);
  await writeFile(`${path}.target`, 'six');
  await symlink(`${path}.target`, `${path}.link`);
  await rename(`${path}.link`, path);
  await looks(file, 2);
  assert.deepEqual(texts, ['one', 'two', 'six']);
});

test('a write that leaves size and times as they were is seen once after the first reading', async () => {
  await writeFile(path, 'one');
  await utimes(path, 1, 1);
  const file = watched();
  await file.open();
  await writeFile(path, 'two');
  await utimes(path, 1, 1);
  await looks(file, 2);
  assert.deepEqual(texts, ['one', 'two']);
});

test('a touched file with the same text is not handed over again', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await looks(file, 3);
  await utimes(path, 5, 5);
  await looks(file, 3);
  await file.reload();
  assert.deepEqual(texts, ['one']);
});

test('a bad change is logged once, leaves the old text in force, and the repaired file is taken', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await writeFile(path, 'bad');
  await looks(file, 6);
  assert.equal(errors.length, 1);
  assert.match(errors[0] as string, /file:1: is bad; the words read before stay in force$/);
  await rm(path);
  await looks(file, 6);
  assert.equal(errors.length, 2);
  assert.match(errors[1] as string, /no such file; write one; the words read before stay in force$/);
  await writeFile(path, 'one');
  await looks(file, 2);
  assert.deepEqual(texts, ['one', 'one']);
});

test('a reload reads at once, rejects for what is bad, and leaves no second line to the looks after it', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await writeFile(path, 'two');
  await file.reload();
  assert.deepEqual(texts, ['one', 'two']);
  await writeFile(path, 'bad');
  await assert.rejects(file.reload(), /is bad; the words read before stay in force$/);
  await looks(file, 4);
  await rm(path);
  await assert.rejects(file.reload(), /no such file/);
  await looks(file, 4);
  assert.deepEqual(errors, []);
  assert.deepEqual(texts, ['one', 'two']);
});

test('a reload rejects for a bad text that a look has found before it, and no longer once that was repaired', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await writeFile(path, 'bad');
  await looks(file, 3);
  assert.equal(errors.length, 1);
  await assert.rejects(file.reload(), /is bad; the words read before stay in force$/);
  await assert.rejects(file.reload(), /is bad/);
  await writeFile(path, 'two');
  await file.reload();
  assert.deepEqual(texts, ['one', 'two']);
});

test('after the plugin was stopped nothing is handed over', async () => {
  await writeFile(path, 'one');
  const file = watched();
  await file.open();
  await writeFile(path, 'two');
  stop.abort();
  await looks(file, 4);
  await file.reload();
  assert.deepEqual(texts, ['one']);
});

test('the timer looks every second, and a second watch changes nothing', async () => {
  await writeFile(path, 'one');
  const ticks: (() => void)[] = [];
  const file = watched({
    timers: {
      after: () => () => undefined,
      every: (milliseconds, callback) => {
        assert.equal(milliseconds, 1000);
        ticks.push(callback);
        return () => undefined;
      },
    },
  });
  await file.open();
  file.watch();
  file.watch();
  assert.equal(ticks.length, 1);
  await writeFile(path, 'two');
  ticks[0]?.();
  await file.look();
  assert.deepEqual(texts, ['one', 'two']);
});
