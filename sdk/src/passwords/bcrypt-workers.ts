import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { BcryptTask } from './bcrypt-worker.js';

/** Callers bound their own queues; this one only keeps a mistake from eating the memory. */
const MAX_WAITING = 10_000;
const MAX_WORKERS = Math.max(1, Math.min(4, availableParallelism() - 1));

interface Job {
  readonly task: BcryptTask;
  resolve(digest: string): void;
  reject(error: Error): void;
}

/**
 * Worker threads for bcrypt, which is JavaScript and would stop the event loop for as long as it takes. They start with the first job,
 * hold the process only while they have one, and one that dies fails its own job and is replaced by the next.
 */
export class BcryptWorkers {
  readonly #script: URL;
  readonly #maxWorkers: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];

  constructor(script: URL, maxWorkers: number) {
    this.#script = script;
    this.#maxWorkers = maxWorkers;
  }

  /** The 31 characters behind the salt. Rejects when a worker dies or too much is waiting, never because of the password. */
  digest(password: string, cost: number, salt: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING) {
        reject(new Error(`more than ${MAX_WAITING} bcrypt checks are waiting`));
        return;
      }
      this.#waiting.push({ task: { password, cost, salt }, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? this.#start();
      if (worker === null) return;
      const job = this.#waiting.shift() as Job;
      this.#busy.set(worker, job);
      worker.ref();
      worker.postMessage(job.task);
    }
  }

  #start(): Worker | null {
    if (this.#busy.size >= this.#maxWorkers) return null;
    // No arguments, environment or input of ours: the thread computes and needs nothing else.
    const worker = new Worker(this.#script, { execArgv: [], env: {}, stdin: false });
    worker.on('message', (digest: string) => {
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      worker.unref();
      this.#idle.push(worker);
      job?.resolve(digest);
      this.#next();
    });
    // An uncaught error in the thread is followed by its exit; without a listener it would end the process.
    worker.on('error', (error) => this.#lost(worker, error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#lost(worker, new Error('the bcrypt thread ended')));
    return worker;
  }

  #lost(worker: Worker, error: Error): void {
    const position = this.#idle.indexOf(worker);
    if (position >= 0) this.#idle.splice(position, 1);
    const job = this.#busy.get(worker);
    if (this.#busy.delete(worker)) {
      job?.reject(error);
      this.#next();
    }
  }
}

export const bcryptWorkers = new BcryptWorkers(new URL('./bcrypt-worker.js', import.meta.url), MAX_WORKERS);
