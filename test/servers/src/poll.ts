import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;

/** Asks again and again until the answer is neither `undefined` nor `false`; an error after `limitMs` says what was waited for. */
export async function poll<T>(what: string, limitMs: number, ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const start = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() - start > limitMs) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await delay(POLL_MS);
  }
}
