import type { Job, Login } from '../load.js';
import { Client, type ClientOwner } from './client.js';
import { subscribePacket } from './packets.js';
import { type Counts, fail } from './verdict.js';

/** CONNECTs under way at once. */
const CONCURRENCY = 100;
const FILTERS_PER_PACKET = 100;
const PACKETS_ON_THE_WAY = 4;
const SUBACK = 9;

/** Waits for a condition that events change; a limit ends it too. */
export class Progress {
  #check: (() => void) | null = null;

  /** Something has changed. */
  touch(): void {
    this.#check?.();
  }

  /** Resolves with whether the condition holds; false when time is up first. */
  until(reached: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (result: boolean): void => {
        clearTimeout(timer);
        this.#check = null;
        resolve(result);
      };
      const timer = setTimeout(() => finish(reached()), Math.max(0, limitMs));
      this.#check = () => {
        if (reached()) finish(true);
      };
      this.#check();
    });
  }
}

/** Makes the clients of a job, lets them log in and subscribe, and closes them. */
export class Crew {
  readonly #job: Job;
  readonly #deadlineMs: number;
  readonly counts: Counts;
  readonly progress = new Progress();
  readonly clients: Client[] = [];
  #closedCount = 0;

  constructor(job: Job, counts: Counts) {
    this.#job = job;
    this.counts = counts;
    this.#deadlineMs = performance.now() + job.deadlineSeconds * 1000;
  }

  get remainingMs(): number {
    return this.#deadlineMs - performance.now();
  }

  add(owner: ClientOwner): Client {
    const index = this.clients.length;
    const { logins, target } = this.#job;
    const login: Login | null = logins[index % Math.max(1, logins.length)] ?? null;
    const client = new Client(target, index, `bench-${process.pid}-${index}`, login, owner);
    this.clients.push(client);
    return client;
  }

  /** Lets all of them log in, a bounded number at a time. Resolves with whether all are there. */
  async connect(clients: readonly Client[] = this.clients): Promise<boolean> {
    let next = 0;
    let accepted = 0;
    const failedBefore = this.counts.failed;
    const failedNow = (): boolean => this.counts.failed > failedBefore;
    const there = (): boolean => {
      while (accepted < next && clients[accepted]?.ready === true) accepted++;
      while (next < clients.length && next - accepted < CONCURRENCY && !failedNow()) clients[next++]?.open();
      return accepted === clients.length || failedNow();
    };
    const inTime = await this.progress.until(there, this.remainingMs);
    if (!inTime) this.fail(`only ${accepted} of ${clients.length} clients were connected within ${this.#job.deadlineSeconds} s`);
    return inTime && !failedNow();
  }

  /** Says goodbye for all and waits until every socket is gone. */
  async disconnect(limitMs = 5000): Promise<void> {
    this.#closedCount = 0;
    const open = this.clients.filter((client) => client.ready);
    for (const client of open) client.end();
    if (!(await this.progress.until(() => this.#closedCount >= open.length, limitMs))) for (const client of open) client.destroy();
  }

  /** Notes what makes the run a bad one, and lets whoever waits know. */
  fail(reason: string): void {
    fail(this.counts, reason);
    this.progress.touch();
  }

  /** A socket is gone. */
  noteClosed(): void {
    this.#closedCount++;
    this.progress.touch();
  }
}

/** The subscriptions of one client: sent a few packets at a time, and every answer is looked at. */
export class Subscribing {
  readonly #client: Client;
  readonly #filters: readonly string[];
  readonly #qos: number;
  readonly #crew: Crew;
  #sent = 0;
  #onTheWay = 0;
  granted = 0;

  constructor(client: Client, filters: readonly string[], qos: number, crew: Crew) {
    this.#client = client;
    this.#filters = filters;
    this.#qos = qos;
    this.#crew = crew;
  }

  get done(): boolean {
    return this.granted === this.#filters.length;
  }

  go(): void {
    while (this.#sent < this.#filters.length && this.#onTheWay < PACKETS_ON_THE_WAY) {
      const some = this.#filters.slice(this.#sent, this.#sent + FILTERS_PER_PACKET);
      this.#client.send(subscribePacket(1 + (this.#sent % 65_000), some, this.#qos));
      this.#sent += some.length;
      this.#onTheWay++;
    }
  }

  /** Looks at a packet; says whether it was a SUBACK. */
  took(first: number, bytes: Buffer, from: number, length: number): boolean {
    if (first >> 4 !== SUBACK) return false;
    for (let at = from + 2; at < from + length; at++) {
      if (bytes[at] !== this.#qos) this.#crew.fail(`a subscription was answered with code ${bytes[at]} in place of ${this.#qos}`);
      this.granted++;
    }
    this.#onTheWay--;
    this.go();
    return true;
  }
}
