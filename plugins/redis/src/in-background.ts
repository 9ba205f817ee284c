/**
 * Lets work go on that nobody waits for. When the plugin has stopped, its services refuse; what fails by that has failed nobody. Any other failure is
 * left to the broker, which says whose it is.
 */
export function inBackground(work: Promise<unknown>, signal: AbortSignal): void {
  work.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
