import type { TimerWheel } from '../clock.js';

/** Runs something asynchronous for at most so long. True when it settled, false when time was up; what it rejects with before that is thrown. */
export function within(wheel: TimerWheel, milliseconds: number, run: () => Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = wheel.after(milliseconds, () => resolve(false));
    run().then(
      () => {
        wheel.cancel(timer);
        resolve(true);
      },
      (error: unknown) => {
        wheel.cancel(timer);
        reject(error);
      },
    );
  });
}
