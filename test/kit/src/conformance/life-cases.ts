import { until } from '../until.js';
import { CANARY } from './hostile.js';
import type { ConformanceCase } from './options.js';
import { login, type Trial } from './trial.js';

const LIVES = 20;
const SETTLE_MS = 3000;

/** What must hold for every plugin: it starts, it ends, it keeps secrets. */
export function lifeCases(trial: Trial): ConformanceCase[] {
  const { validCredentials = [] } = trial.options;
  const first = validCredentials[0] ?? {};
  return [
    {
      title: `leaves nothing behind when it is started and stopped ${LIVES} times`,
      async run() {
        const live = (): Promise<void> => trial.with(async (broker) => void (await login(broker, '5.0', first)));
        // What is made once in the life of a process, such as a pool of workers, is there after this.
        await live();
        const before = openResources();
        for (let i = 0; i < LIVES; i += 1) await live();
        // One that grows with every life is a leak; a few more are whatever else happens in the process.
        const grown = (): string[] =>
          [...openResources()].flatMap(([kind, count]) =>
            count - (before.get(kind) ?? 0) >= LIVES ? [`${count - (before.get(kind) ?? 0)} × ${kind}`] : [],
          );
        await until('the end of what was opened', () => grown().length === 0, SETTLE_MS).catch(() => {
          throw new Error(`after ${LIVES} lives there are more open: ${grown().join(', ')}`);
        });
      },
    },
    {
      title: 'ends in time while a question is unanswered',
      run: () =>
        trial.with(async (broker) => {
          const clients = [await broker.client({ protocol: '5.0' }), await broker.client({ protocol: '3.1.1' })];
          for (const client of clients) client.sendConnect({ username: 'stranger', password: CANARY });
          await broker.stop();
        }),
    },
    {
      title: 'writes no secret into the log',
      run: () =>
        trial.with(async (broker) => {
          for (const credentials of [first, { username: 'stranger', password: CANARY }, { ...first, password: CANARY }]) {
            // Before 5.0 there is no password without a username; it is never an answer that is judged here.
            await login(broker, '5.0', credentials);
          }
          await broker.reload();
        }),
    },
  ];
}

/** Timers, sockets and whatever else keeps a process alive, by kind. */
function openResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
