import { connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ACCEPTED = '20 02 00 00';
const BAD_CREDENTIALS = '20 02 00 04';
const DISCONNECT = 'e0 00';

/** What clients met while configurations came and went. */
export interface LoadFigures {
  /** Logins that were let in, and those with a wrong password that were refused as such. */
  accepted: number;
  refused: number;
  /** Messages of clients that were there from the first to the last moment, each acknowledged and delivered to its sender. */
  delivered: number;
  /** Whatever should not have happened, the first few. */
  readonly wrong: string[];
}

/** Clients that come and go, good and bad ones, and clients that stay and talk. */
export class Load {
  readonly figures: LoadFigures = { accepted: 0, refused: 0, delivered: 0, wrong: [] };
  readonly #port: number;
  readonly #work: Promise<void>[] = [];
  #over = false;
  #next = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Resolves when all that stay are there. */
  async start(coming: number, staying: number): Promise<void> {
    const stayers = await Promise.all(Array.from({ length: staying }, () => this.#login('secret', ACCEPTED)));
    for (const client of stayers) this.#work.push(this.#careful('a client that stays', () => this.#talk(client)));
    for (let i = 0; i < coming; i += 1) this.#work.push(this.#careful('a client that comes', () => this.#comeAndGo(i % 4 === 3)));
  }

  /** Everybody goes. */
  async stop(): Promise<LoadFigures> {
    this.#over = true;
    await Promise.all(this.#work);
    return this.figures;
  }

  async #careful(who: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.figures.wrong.length < 20) this.figures.wrong.push(`${who}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #login(password: string, answer: string): Promise<WireClient> {
    this.#next += 1;
    const clientId = `c${this.#next}`;
    const client = await WireClient.connect(this.#port);
    client.send(connect311({ clientId, username: 'user', password }));
    await client.expect(answer);
    return client;
  }

  async #comeAndGo(isStranger: boolean): Promise<void> {
    while (!this.#over) {
      if (isStranger) {
        const client = await this.#login('wrong', BAD_CREDENTIALS);
        await client.expectClosed();
        this.figures.refused += 1;
      } else {
        const client = await this.#login('secret', ACCEPTED);
        this.figures.accepted += 1;
        client.send(DISCONNECT);
        client.close();
      }
    }
  }

  /** Publishes to itself, one message after the other. Each needs rights, and an answer of code. */
  async #talk(client: WireClient): Promise<void> {
    this.#next += 1;
    const topic = `t/${this.#next}`;
    client.send(subscribe({ filters: [[topic, 0]] }));
    await client.expect('90 03 00 01 00');
    while (!this.#over) {
      client.send(publish({ topic, payload: 'x', qos: 1, packetId: 7 }));
      await client.expectAnyOrder('40 02 00 07', publish({ topic, payload: 'x' }));
      this.figures.delivered += 1;
    }
    await client.silence();
    client.send(DISCONNECT);
    client.close();
  }
}
