import type { BrokerOptions } from 'portcullis';

type Clock = NonNullable<BrokerOptions['clock']>;

interface Ticker {
  readonly every: number;
  readonly callback: () => void;
  next: number;
}

/** A clock that stands still until it is told. */
export class StandingClock implements Clock {
  #now = 1_000_000;
  readonly #tickers = new Set<Ticker>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  ticker(every: number, callback: () => void): () => void {
    const ticker: Ticker = { every, callback, next: this.#now + every };
    this.#tickers.add(ticker);
    return () => this.#tickers.delete(ticker);
  }

  /** Moves time on; every ticker that falls due is called once, as after a machine that slept. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const ticker of [...this.#tickers]) {
      if (ticker.next > this.#now) continue;
      ticker.next = this.#now + ticker.every;
      ticker.callback();
    }
  }
}
