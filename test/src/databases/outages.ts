import { randomBytes, randomInt } from 'node:crypto';
import { until } from '@portcullis/testing';
import { type Backend, USERS, USERS_OF_A_KIND } from './backend.js';
import { DEADLINE_MS, startBrokerWith } from './broker.js';
import { ACCEPTED, type Candidate, isDueRefusal, type Login, LoginLoad } from './login-load.js';

export interface OutageOptions {
  readonly stops: number;
  readonly freezes: number;
  readonly loginsPerSecond: number;
  /** How long the server is away each time. */
  readonly awayMs: number;
  /** Told of each outage as it is over. */
  readonly progress?: (text: string) => void;
}

/** What a campaign came to. */
export interface OutageReport {
  readonly logins: number;
  readonly accepted: number;
  readonly refused: number;
  /** Of users with the right password whom the table lets in, while the server was away: proof that there was something to be refused. */
  readonly refusedWhileAway: number;
  /** Who may not enter was let in. */
  readonly falseGrants: readonly string[];
  /** Answers that are none of those that are due. */
  readonly strange: readonly string[];
  /** Answers after the deadline. */
  readonly late: readonly string[];
  readonly longestAnswerMs: number;
  /** From the moment in which the server is there again to the first of many logins in a row that succeed; for each outage. */
  readonly healedAfterMs: readonly number[];
  readonly exits: number;
}

/** For this process and the kernel, which share the processors with the broker and the database. */
const SLACK_MS = 500;
export const HEALED_WITHIN_MS = 5000;
/** After so long a change that is committed counts, as long as the plugin hears of changes. */
const REVOKED_WITHIN_MS = 1000;
const IN_A_ROW = 20;
const WAIT_FOR_HEALTH_MS = 30_000;
const MOST_TOLD = 20;

/** Stops, starts, freezes and thaws a database under logins, and looks at every answer. */
export async function runOutages(backend: Backend, password: string, options: OutageOptions): Promise<OutageReport> {
  const broker = await startBrokerWith(backend.entry);
  const campaign = new Campaign(backend, password, options);
  const load = new LoginLoad(
    broker.port('local'),
    options.loginsPerSecond,
    () => campaign.next(),
    (login) => campaign.ended(login),
  );
  load.start();
  try {
    await campaign.run();
  } finally {
    await load.stop();
  }
  return campaign.report((await broker.stop()) === 0 ? 0 : 1);
}

class Campaign {
  readonly #backend: Backend;
  readonly #password: string;
  readonly #options: OutageOptions;
  readonly #revoked: string[] = [];
  #revocable: string | null = null;
  #isAway = false;
  /** Since when logins that must succeed have succeeded, all of them; and how many. */
  #healthySince = 0;
  #inARow = 0;
  #logins = 0;
  #accepted = 0;
  #refused = 0;
  #refusedWhileAway = 0;
  #longestAnswerMs = 0;
  readonly #falseGrants: string[] = [];
  readonly #strange: string[] = [];
  readonly #late: string[] = [];
  readonly #healedAfterMs: number[] = [];

  constructor(backend: Backend, password: string, options: OutageOptions) {
    this.#backend = backend;
    this.#password = password;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { stops, freezes, progress } = this.#options;
    await this.#healthy(performance.now());
    for (let outage = 0; outage < stops + freezes; outage += 1) {
      await this.#revokeOne(outage);
      // In turn for as long as there are both.
      const isStop = outage % 2 === 0 ? Math.floor(outage / 2) < stops : Math.floor(outage / 2) >= freezes;
      await (isStop ? this.#stop() : this.#freeze());
      progress?.(`${outage + 1}: ${isStop ? 'stopped' : 'frozen'}, healthy after ${this.#healedAfterMs.at(-1)?.toFixed(0)} ms`);
    }
  }

  /** Who logs in next: two fifths may enter, all others may not. */
  next(): Candidate {
    const one = (kind: string): string => `${kind}${randomInt(USERS_OF_A_KIND)}`;
    const may = (username: string, isAllowed: boolean, password = this.#password): Candidate => ({
      username,
      password,
      mayEnter: () => isAllowed,
      isBeingRevoked: isAllowed && username === this.#revocable,
    });
    switch (randomInt(5)) {
      case 0:
        return may(one(USERS.good), false, `${this.#password}x`);
      case 1:
        return randomInt(2) === 0 ? may(one(USERS.disabled), false) : may(`unknown-${randomBytes(4).toString('hex')}`, false);
      case 2: {
        const revoked = this.#revoked[randomInt(Math.max(1, this.#revoked.length))];
        return may(revoked ?? one(USERS.disabled), false);
      }
      case 3:
        // Known to be good, and kept by the plugin, until just before he is revoked.
        if (this.#revocable !== null) return may(this.#revocable, true);
        return may(one(USERS.good), true);
      default:
        return may(one(USERS.good), true);
    }
  }

  ended(login: Login): void {
    this.#logins += 1;
    const { candidate, mayEnter, code, begunAt, tookMs } = login;
    const told = `${candidate.username}: ${code === null ? 'no CONNACK' : `0x${code.toString(16)}`} after ${tookMs.toFixed(0)} ms`;
    this.#longestAnswerMs = Math.max(this.#longestAnswerMs, tookMs);
    if (tookMs > DEADLINE_MS + SLACK_MS) keep(this.#late, told);
    if (code === ACCEPTED) {
      this.#accepted += 1;
      if (!mayEnter) keep(this.#falseGrants, told);
    } else if (isDueRefusal(login)) this.#refused += 1;
    else keep(this.#strange, told);
    if (!mayEnter || candidate.username === this.#revocable || !candidate.username.startsWith(USERS.good)) return;
    if (code === ACCEPTED) {
      if (this.#inARow === 0) this.#healthySince = begunAt;
      this.#inARow += 1;
    } else {
      this.#inARow = 0;
      if (this.#isAway) this.#refusedWhileAway += 1;
    }
  }

  report(exits: number): OutageReport {
    return {
      logins: this.#logins,
      accepted: this.#accepted,
      refused: this.#refused,
      refusedWhileAway: this.#refusedWhileAway,
      falseGrants: this.#falseGrants,
      strange: this.#strange,
      late: this.#late,
      longestAnswerMs: this.#longestAnswerMs,
      healedAfterMs: this.#healedAfterMs,
      exits,
    };
  }

  /** A user who is let in, is revoked, and from then on must never be. */
  async #revokeOne(number: number): Promise<void> {
    const username = `${USERS.revoked}${number}`;
    await this.#backend.add(username);
    this.#revocable = username;
    await pause(200);
    this.#revocable = null;
    await this.#backend.revoke(username);
    await pause(REVOKED_WITHIN_MS);
    this.#revoked.push(username);
  }

  async #stop(): Promise<void> {
    this.#isAway = true;
    await this.#backend.stop();
    await pause(this.#options.awayMs);
    await this.#backend.start();
    await this.#healthy(performance.now());
  }

  async #freeze(): Promise<void> {
    this.#isAway = true;
    this.#backend.freeze();
    await pause(this.#options.awayMs);
    this.#backend.thaw();
    await this.#healthy(performance.now());
  }

  /** Waits for logins in a row that succeed; those of before do not count. */
  async #healthy(since: number): Promise<void> {
    this.#isAway = false;
    this.#inARow = 0;
    await until('logins to succeed', () => this.#inARow >= IN_A_ROW, WAIT_FOR_HEALTH_MS);
    this.#healedAfterMs.push(Math.max(0, this.#healthySince - since));
  }
}

function keep(list: string[], told: string): void {
  // The number counts, not the text; a broker that lets everybody in must not fill the memory.
  list.push(list.length < MOST_TOLD ? told : '');
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}

/** What does not hold, in words; empty when all does. */
export function failings(report: OutageReport): string[] {
  const slow = report.healedAfterMs.filter((ms) => ms > HEALED_WITHIN_MS);
  const all: readonly [boolean, string][] = [
    [report.falseGrants.length > 0, `${report.falseGrants.length} false grants: ${report.falseGrants[0]}`],
    [report.strange.length > 0, `${report.strange.length} strange answers: ${report.strange[0]}`],
    [report.late.length > 0, `${report.late.length} answers after their deadline: ${report.late[0]}`],
    [slow.length > 0, `${slow.length} times not healthy within ${HEALED_WITHIN_MS} ms: ${slow[0]?.toFixed(0)} ms`],
    [report.exits > 0, 'the broker ended, or ended badly'],
    [report.accepted === 0, 'nobody was ever let in'],
    [report.refusedWhileAway === 0, 'nobody was ever refused while the server was away'],
  ];
  return all.filter(([fails]) => fails).map(([, words]) => words);
}
