import { type ChildProcess, fork } from 'node:child_process';

/** A process of the campaign: takes an order at a time and answers it. */
export class Worker {
  readonly #child: ChildProcess;

  /** `launcher`: a command that starts the one behind it. */
  constructor(script: string, launcher: readonly string[] = []) {
    const [execPath = process.execPath, ...execArgv] = launcher.length === 0 ? [] : [...launcher, process.execPath];
    this.#child = fork(new URL(script, import.meta.url), { execPath, execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** Hands over an order, or none, and waits for the answer. */
  ask<Answer>(order: object | null, limitMs = 120_000): Promise<{ readonly answer: Answer; readonly error?: string }> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(() => reject(new Error(`no answer to ${JSON.stringify(order)}`))), limitMs);
      const heard = (message: unknown): void => finish(() => resolve(message as { answer: Answer }));
      const gone = (): void => finish(() => reject(new Error(`the process ended at ${JSON.stringify(order)}`)));
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', heard).off('exit', gone);
        settle();
      };
      this.#child.once('message', heard).once('exit', gone);
      if (order !== null) this.#child.send(order);
    });
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill('SIGKILL');
  }
}
