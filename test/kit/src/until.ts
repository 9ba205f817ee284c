const LOOK_EVERY_MS = 5;

/** Waits, in real time, until something holds; rejects after `waitMs` milliseconds and says what was awaited. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, waitMs = 5000): Promise<void> {
  const end = performance.now() + waitMs;
  while (!(await holds())) {
    if (performance.now() >= end) throw new Error(`awaited ${what} for ${waitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
