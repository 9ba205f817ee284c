import type { ConnectionRoom } from './connection/index.js';
import type { GateClient } from './gate/index.js';

interface Waiting {
  load: (done: () => void) => void;
  readonly done: (() => void)[];
}

/**
 * Clients whose rights are to be loaded anew. A change that concerns all of them would else put as many questions in one turn: more than a plugin
 * has room for, which would be faults, and cost them their connections. Each client stands in the line once, however often its rights change
 * before its turn, and only so many are asked about at a time.
 */
export class RightsLine {
  readonly #room: ConnectionRoom;
  readonly #waiting = new Map<GateClient, Waiting>();
  #out = 0;
  #running = false;
  #resting = false;

  constructor(room: ConnectionRoom) {
    this.#room = room;
  }

  /** `load` begins a load and calls back when it is over; `done` is called then. A client that waits already keeps its place. */
  add(client: GateClient, load: (done: () => void) => void, done: () => void): void {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined) this.#waiting.set(client, { load, done: [done] });
    else {
      waiting.load = load;
      waiting.done.push(done);
    }
    this.#next();
  }

  #next(): void {
    if (this.#running || this.#resting) return;
    this.#running = true;
    const { urgent, limits } = this.#room;
    const until = urgent.begin(this.#room);
    while (this.#out < limits.maxPolicyLoads) {
      const next = this.#waiting.entries().next();
      if (next.done === true) break;
      const [client, waiting] = next.value;
      this.#waiting.delete(client);
      this.#begin(waiting);
      if (!urgent.over(until)) continue;
      this.#resting = true;
      urgent.later(() => {
        this.#resting = false;
        this.#next();
      });
      break;
    }
    this.#running = false;
  }

  #begin({ load, done }: Waiting): void {
    this.#out += 1;
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      this.#out -= 1;
      for (const tell of done) tell();
      this.#next();
    };
    try {
      load(end);
    } catch (error) {
      this.#room.stats.invariantsBroken += 1;
      this.#room.log.error({ error }, 'rights could not be loaded again');
      end();
    }
  }
}
