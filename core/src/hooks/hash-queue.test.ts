import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../clock.js';
import { HashQueue, HashQueueFull, type WithdrawHash } from './hash-queue.js';
import { turn } from './hooks.test.support.js';
import { VerifiedCache } from './verified-cache.js';

interface Running {
  readonly name: string;
  end(matches: boolean | Error): void;
}

type Step = { readonly do: 'add' | 'withdraw' | 'end'; readonly pick: number; readonly how: boolean | 'broken' };

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom<Step['do']>('add', 'add', 'withdraw', 'end', 'end'),
  pick: fc.nat(7),
  how: fc.constantFrom<Step['how']>(true, false, 'broken'),
});

test('hashes are computed in the order of their logins, never more at a time nor more in the queue than the limits say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.nat(3), fc.array(step, { maxLength: 40 }), async (concurrency, capacity, steps) => {
      const running: Running[] = [];
      const begun: string[] = [];
      const ended = new Map<string, string>();
      const verify = (password: Uint8Array) => {
        const name = Buffer.from(password).toString();
        begun.push(name);
        return new Promise<boolean>((resolve, reject) => {
          running.push({ name, end: (matches) => (matches instanceof Error ? reject(matches) : resolve(matches)) });
        });
      };
      const queue = new HashQueue(verify, new VerifiedCache(new ManualClock(), 0, 1000), concurrency, capacity);

      // What must come of it, by the plainest queue that there is.
      const expected = new Map<string, string>();
      const order: string[] = [];
      const active: string[] = [];
      let waiting: { readonly name: string; readonly withdraw: WithdrawHash }[] = [];
      const fill = (): void => {
        for (let next = waiting[0]; next !== undefined && active.length < concurrency; next = waiting[0]) {
          waiting = waiting.slice(1);
          active.push(next.name);
          order.push(next.name);
        }
      };

      for (const [i, { do: what, pick, how }] of steps.entries()) {
        if (what === 'add') {
          const name = `login ${i}`;
          let withdraw: WithdrawHash | null = null;
          const full = active.length >= concurrency && waiting.length >= capacity;
          void queue
            .add(Buffer.from(name), 'stored', (given) => {
              withdraw = given;
            })
            .then(String, (error: unknown) => (error instanceof HashQueueFull ? 'full' : 'broken'))
            .then((end) => ended.set(name, end));
          if (full) expected.set(name, 'full');
          else waiting.push({ name, withdraw: withdraw ?? (() => {}) });
          assert.equal(withdraw !== null, !full && active.length >= concurrency, 'only what waits can be withdrawn');
          fill();
        } else if (what === 'withdraw' && waiting.length > 0) {
          const gone = waiting[pick % waiting.length];
          waiting = waiting.filter((other) => other !== gone);
          gone?.withdraw();
          gone?.withdraw();
          expected.set(gone?.name ?? '', 'full');
        } else if (what === 'end' && running.length > 0) {
          const [one] = running.splice(pick % running.length, 1);
          one?.end(how === 'broken' ? new Error('broken') : how);
          expected.set(one?.name ?? '', String(how));
          active.splice(active.indexOf(one?.name ?? ''), 1);
          fill();
        }
        await turn();
        assert.deepEqual(begun, order);
        assert.deepEqual([...ended].sort(), [...expected].sort());
        assert.equal(queue.waiting, waiting.length);
        assert.ok(running.length <= concurrency && queue.waiting <= capacity);
      }
    }),
    { numRuns: 60 },
  );
});
