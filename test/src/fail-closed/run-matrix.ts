import { actorOf, type Cell, cellIn } from './cells.js';
import { dial, type Place } from './dial.js';
import { drive, type Ground } from './drive.js';
import { ACCEPTED, EXPECTED } from './expected.js';
import { FaultyBroker, type FaultyEntry } from './faulty-broker.js';
import { MOMENTS, QUESTIONS } from './moments.js';
import { Bystanders, Watcher } from './watch.js';
import { WAYS } from './ways.js';

const AT_ONCE = 48;
const TIMEOUT_MS = 250;
const BRIEF_MS = 150;
const PATIENT_MS = 20_000;
const SHOWN = 20;
/** Faults are what this is about: none of them is to open a breaker. */
const BREAKER = { faults: 1000, windowMs: 1000 };

/** What a run came to. All but the first two are zero when the promise holds. */
export interface Totals {
  /** Cells that were run, and of those the controls, in which nothing fails. */
  cases: number;
  controls: number;
  /** Clients that got what they were to be refused, and messages that were routed or retained for them. */
  grants: number;
  /** Ends of the broker process. */
  exits: number;
  /** Answers on the wire that are not those of the table. */
  wrong: number;
  /** What other clients noticed. */
  effects: number;
}

export interface Result {
  readonly totals: Totals;
  /** The first of what went wrong, in words. */
  readonly complaints: readonly string[];
  readonly lateAnswers: number;
  readonly secondAnswers: number;
  readonly foreignAnswers: number;
  readonly escapedErrors: number;
}

/** Runs cells against one broker process; clients beside them look whether anything reaches them. */
export async function runMatrix(cells: readonly Cell[]): Promise<Result> {
  const faulty = await startFaulty();
  const run = new Run(faulty);
  try {
    return await run.all(cells);
  } finally {
    if (!run.stopped) await faulty.broker.kill();
  }
}

class Run implements Ground {
  readonly totals: Totals = { cases: 0, controls: 0, grants: 0, exits: 0, wrong: 0, effects: 0 };
  stopped = false;
  readonly #faulty: FaultyBroker;
  readonly #complaints: string[] = [];

  constructor(faulty: FaultyBroker) {
    this.#faulty = faulty;
  }

  readonly dial = dial;

  place(cell: Cell): Place {
    const { transport } = cell;
    const { ca } = this.#faulty;
    if (cell.moment === 'accept') return { transport, ca, port: this.#faulty.port('proxied', transport) };
    const actor = actorOf(cell);
    return { transport, ca, port: this.#faulty.port(actor === 'ill' ? 'main' : actor, transport) };
  }

  asked({ number }: Cell): Promise<void> {
    return this.#faulty.until(`the question of cell ${number}`, () => this.#faulty.asked.has(number));
  }

  async all(cells: readonly Cell[]): Promise<Result> {
    const bystanders = await Bystanders.start(this.#faulty);
    const watcher = await Watcher.start(this.#faulty);
    const controls = cells.filter(({ way }) => way === 'healthy');
    const ill = cells.filter(({ way }) => way !== 'healthy' && way !== 'busy' && way !== 'disposed');
    await this.#pool(controls, AT_ONCE);
    await this.#pool(ill, AT_ONCE);
    // One at a time: while the handler is busy nothing else goes on, and its time is its own.
    await this.#pool(
      cells.filter(({ way }) => way === 'busy'),
      1,
    );
    await this.#disposed(cells.filter(({ way }) => way === 'disposed'));
    await this.#settled(cells);
    const [late = 0, second = 0, foreign = 0, escaped = 0, broken = 0] = await this.#faulty.stats(
      'lateAnswers',
      'secondAnswers',
      'foreignAnswers',
      'escapedErrors',
      'invariantsBroken',
    );
    if (broken > 0) this.#effect(`${broken} invariants of the broker were broken`);
    await this.#lookAround(cells, bystanders, watcher);
    const code = await this.#faulty.stop();
    this.stopped = true;
    if (code !== 0) {
      this.totals.exits += 1;
      this.#complain(`the broker ended with ${code}:\n${this.#faulty.broker.output.slice(-2000)}`);
    }
    return {
      totals: this.totals,
      complaints: this.#complaints,
      lateAnswers: late,
      secondAnswers: second,
      foreignAnswers: foreign,
      escapedErrors: escaped,
    };
  }

  /** Runs cells, so many at a time. */
  async #pool(cells: readonly Cell[], atOnce: number): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let cell = cells[next]; cell !== undefined; cell = cells[next]) {
        next += 1;
        await this.#one(cell);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, cells.length) }, work));
  }

  async #one(cell: Cell): Promise<void> {
    this.totals.cases += 1;
    if (cell.way === 'healthy') this.totals.controls += 1;
    const { healthy, fault, denied } = EXPECTED[cell.moment];
    const ending = cell.way === 'healthy' ? 'healthy' : WAYS[cell.way].ending(MOMENTS[cell.moment].hook);
    const wanted = { healthy, fault, denied }[ending]?.[cell.version];
    let seen: string;
    try {
      seen = await drive(cell, this);
    } catch (error) {
      seen = error instanceof Error ? error.message : String(error);
    }
    if (seen === wanted) return;
    const granted = ending !== 'healthy' && wanted !== healthy[cell.version] && seen === healthy[cell.version];
    if (granted || (ending !== 'healthy' && wanted?.startsWith(ACCEPTED) === false && seen.startsWith(ACCEPTED))) this.totals.grants += 1;
    else this.totals.wrong += 1;
    this.#complain(`${name(cell)}\n  awaited ${wanted}\n  came    ${seen}`);
  }

  /** All of them wait for a plugin that a reload disposes of. What it says then has no effect. */
  async #disposed(cells: readonly Cell[]): Promise<void> {
    if (cells.length === 0) return;
    const running = this.#pool(cells, cells.length);
    await this.#reported('the plugin was not asked before its disposal', cells, this.#faulty.asked);
    await this.#faulty.replace('patient', { epoch: 2 });
    await running;
    await this.#reported('the plugin said nothing after its disposal', cells, this.#faulty.said);
  }

  /** Waits until every question has been put, and the last of them is over for its plugin, too. */
  async #settled(cells: readonly Cell[]): Promise<void> {
    await this.#reported('the plugin was not asked', cells, this.#faulty.asked);
    const late = cells.filter(({ way, moment }) => way === 'late' && WAYS.disposed.impossible(MOMENTS[moment].hook) === null);
    await this.#reported('the question was not given up', late, this.#faulty.over);
  }

  /** Waits until the plugin has said so of all these cells. */
  async #reported(otherwise: string, cells: readonly Cell[], reported: ReadonlySet<number>): Promise<void> {
    const missing = (): Cell[] => cells.filter(({ number }) => !reported.has(number));
    try {
      await this.#faulty.until(otherwise, () => missing().length === 0);
    } catch {
      for (const cell of missing()) {
        this.totals.wrong += 1;
        this.#complain(`${name(cell)}\n  ${otherwise}`);
      }
    }
  }

  async #lookAround(cells: readonly Cell[], bystanders: Bystanders, watcher: Watcher): Promise<void> {
    const byNumber = new Map(cells.map((cell) => [cell.number, cell]));
    const retained = new Set((await this.#faulty.retained('t/#')).map((topic) => cellIn(topic)?.number ?? 0));
    await bystanders.stop();
    await watcher.stop();
    for (const complaint of [...bystanders.effects, ...watcher.effects]) this.#effect(complaint);
    if (bystanders.rounds.size < 4) this.#effect(`bystanders lived on ${bystanders.rounds.size} transports only`);
    for (const number of [...watcher.seen, ...retained]) {
      const cell = byNumber.get(number);
      if (cell?.way === 'healthy') continue;
      this.totals.grants += 1;
      this.#complain(`${cell === undefined ? `cell ${number}` : name(cell)}\n  a message was routed or retained`);
    }
    for (const cell of cells) {
      if (cell.way === 'healthy' && publishes(cell) && !watcher.seen.has(cell.number))
        this.#effect(`${name(cell)}\n  the message of this control was not routed`);
      if (cell.way === 'healthy' && cell.moment.startsWith('retain') && !retained.has(cell.number))
        this.#effect(`${name(cell)}\n  the message of this control was not retained`);
    }
    for (const line of this.#faulty.next) this.#effect(`the next authority was asked: ${line}`);
    for (const number of this.#faulty.vacuous) this.#effect(`cell ${number} had nothing to try`);
  }

  #effect(text: string): void {
    this.totals.effects += 1;
    this.#complain(text);
  }

  #complain(text: string): void {
    if (this.#complaints.length < SHOWN) this.#complaints.push(text);
  }
}

/** Whether the watcher is to see a message of this control. */
function publishes({ moment }: Cell): boolean {
  return /^(?:publish|guardPublish|rewrite|retain)\d$|^(?:willAgain|guardWill)$/.test(moment);
}

export function name({ number, moment, way, transport, version }: Cell): string {
  const { hook, title } = MOMENTS[moment];
  return `cell ${number}: ${hook} (${title}) ${way === 'healthy' ? 'permits' : WAYS[way].title}, ${transport}, MQTT ${version}`;
}

function startFaulty(): Promise<FaultyBroker> {
  const entry = (timeoutMs: number): FaultyEntry => ({ taps: QUESTIONS, entry: { timeoutMs, breaker: BREAKER, maxConcurrent: 10_000 } });
  const authority = ['authenticate', 'authenticateEnhanced', 'refreshIdentity', 'loadPolicy', 'authorize'];
  const narrow = {
    'narrow-authenticate': { authenticate: ['deny', 'skip'] },
    'narrow-authenticateEnhanced': { authenticateEnhanced: ['allow', 'deny'] },
    'narrow-refreshIdentity': { refreshIdentity: ['deny'] },
    'narrow-authorize': { authorize: ['deny', 'skip'] },
  };
  const guarded = (plugin: string, deadlineMs: number): object => ({
    guards: [plugin],
    authenticate: [plugin, 'next'],
    authorize: [plugin],
    deadlineMs,
  });
  const chains = {
    main: guarded('ill', 5000),
    brief: guarded('brief', 5000),
    patient: guarded('patient', PATIENT_MS),
    ...Object.fromEntries(Object.keys(narrow).map((plugin) => [plugin, { authenticate: [plugin, 'next'], authorize: [plugin] }])),
    calm: { authenticate: ['next'], authorize: ['next'] },
  };
  return FaultyBroker.start({
    plugins: {
      ill: entry(TIMEOUT_MS),
      brief: entry(BRIEF_MS),
      patient: entry(PATIENT_MS),
      ...Object.fromEntries(Object.entries(narrow).map(([plugin, decides]) => [plugin, { taps: authority, decides }])),
      next: { taps: ['authenticate', 'loadPolicy'] },
    },
    chains,
    everywhere: Object.keys(chains),
    proxied: 'main',
  });
}
