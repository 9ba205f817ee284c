/**
 * Waits until a condition holds, looking whenever something has changed: whoever changes something calls all of `changed`. Rejects after so many
 * milliseconds with what `missed` says then.
 */
export function untilChanged(changed: Set<() => void>, reached: () => boolean, milliseconds: number, missed: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = (): void => {
      if (!reached()) return;
      clearTimeout(timer);
      changed.delete(check);
      resolve();
    };
    const timer = setTimeout(() => {
      changed.delete(check);
      reject(new Error(missed()));
    }, milliseconds);
    changed.add(check);
    check();
  });
}
