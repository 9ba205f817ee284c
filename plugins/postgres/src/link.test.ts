import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import type pg from 'pg';
import { Link } from './link.js';
import { RealTimers } from './real-timers.js';
import type { Statement } from './statements.js';

const STATEMENT: Statement = { name: 'user', text: 'select 1', parameters: 1, columns: [], hasState: false };

/** A connection that counts what is written to it. */
class Counting extends Duplex {
  writes = 0;
  written = '';

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#count([chunk], done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.#count(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #count(chunks: readonly Buffer[], done: () => void): void {
    this.writes += 1;
    this.written += Buffer.concat(chunks).toString();
    done();
  }
}

test('what is asked in one turn of the event loop leaves in one write, at the end of that turn', async () => {
  const stream = new Counting();
  const query = ({ values }: { readonly values: readonly string[] }): Promise<unknown> => {
    stream.write(values.join());
    return new Promise(() => {});
  };
  const client = Object.assign(new EventEmitter(), { connection: { stream }, query }) as unknown as pg.Client;
  const timers = new RealTimers();
  const link = new Link({
    timers,
    statementTimeoutMs: 1000,
    statements: [],
    connect: async () => client,
    changed: () => {},
    tried: () => {},
  });
  await link.start();
  for (const [writes, written] of [
    [1, 'abcde'],
    [2, 'abcdeabcde'],
  ] as const) {
    for (const value of 'abcde') link.ask(STATEMENT, [value]).rows.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([stream.writes, stream.written], [writes, written]);
  }
  link.stop();
  timers.stop();
});
