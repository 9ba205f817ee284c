import { AtOnce, BackendUnavailable, type PluginLog, type SourceVersions } from '@portcullis/sdk';
import type pg from 'pg';
import type { ConnectOptions, Role } from './connect.js';
import { connectToAny } from './connect-to-any.js';
import { errorText, isDamage, questionError } from './database-errors.js';
import type { State } from './decode-rows.js';
import { describeServer, type Server } from './hosts.js';
import { type Asked, Link, LinkLost } from './link.js';
import type { RealTimers } from './real-timers.js';
import type { Settings } from './settings.js';
import type { Source } from './source.js';
import type { Statement, Statements } from './statements.js';

/** Reads an answer; throws for one that is not as it must be. */
export type Decode<Answer extends State> = (answer: pg.QueryArrayResult<unknown[]>) => Answer;

export interface DatabaseOptions {
  readonly settings: Settings;
  readonly statements: Statements;
  readonly versions: SourceVersions;
  readonly timers: RealTimers;
  readonly log: PluginLog;
  readonly signal: AbortSignal;
}

/** The part of the time of a statement that a question is held up by another one before it is put a second time, beside it. */
const HELD_UP = 0.25;
/**
 * Questions that are under way at one time; the others wait for their turn. The broker gives a plugin as many to work on, but gives up those that take
 * too long and puts others: of what was given up the server knows nothing.
 */
const MAX_AT_ONCE = 64;
/** How long a connection is waited for that was lost a moment ago. */
const RETURN_MS = 500;

/** The connections for questions: to the primary, and to its replicas. */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #primary: readonly Link[];
  readonly #replicas: readonly Link[];
  readonly #atOnce = new AtOnce(MAX_AT_ONCE);
  /** Questions that wait for a connection; each of them for RETURN_MS at most. */
  readonly #waiting = new Set<() => void>();
  /** Of whoever waits for any connection to the primary; the same for all. */
  #answerable: { readonly promise: Promise<void>; resolve(): void } | null = null;
  /** Whether what the source has told is up to date; replicas cannot be judged otherwise. */
  isHeard = false;
  /** Tells the present version, and when its newest change was made. */
  source: Pick<Source, 'stamp'> | null = null;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    const { settings } = options;
    this.#primary = Array.from({ length: settings.connections }, () => this.#link(settings.servers, 'primary'));
    this.#replicas = settings.replicas.map((server) => this.#link([server], 'replica'));
  }

  /** Connects. Rejects with why there is no connection to the primary; replicas may come later. */
  async start(): Promise<void> {
    const tries = this.#primary.map((link) => link.start());
    for (const link of this.#replicas) link.start().catch(() => {});
    const [first] = (await Promise.allSettled(tries)).flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (this.#primary.every((link) => !link.isUp)) throw first;
  }

  stop(): void {
    for (const link of [...this.#primary, ...this.#replicas]) link.stop();
  }

  /** Resolves as soon as there is a connection to the primary for questions. */
  async answerable(): Promise<void> {
    if (this.#primary.some(({ isUp }) => isUp)) return;
    if (this.#answerable === null) {
      let resolve = (): void => {};
      const promise = new Promise<void>((resolved) => {
        resolve = resolved;
      });
      this.#answerable = { promise, resolve };
    }
    await this.#answerable.promise;
  }

  /** Connections that are there: to the primary, to replicas. */
  get up(): { readonly primary: number; readonly replicas: number } {
    return { primary: this.#primary.filter(({ isUp }) => isUp).length, replicas: this.#replicas.filter(({ isUp }) => isUp).length };
  }

  /**
   * Puts a question. What a replica says counts only when it is what the primary has announced: as new, and of its history; else the primary is asked.
   * Rejects with `BackendUnavailable` when nobody could be asked in time, and with an ordinary error when the answer is not as it must be.
   */
  ask<Answer extends State>(statement: Statement, values: readonly string[], decode: Decode<Answer>): Promise<Answer> {
    return this.#atOnce.run(() => this.#ask(statement, values, decode));
  }

  async #ask<Answer extends State>(statement: Statement, values: readonly string[], decode: Decode<Answer>): Promise<Answer> {
    const { versions } = this.#options;
    // What was announced before the question is in every answer that is new enough.
    const before = versions.current;
    const stamp = this.source?.stamp ?? null;
    const replica = this.isHeard ? leastBusy(this.#replicas) : undefined;
    if (replica !== undefined) {
      try {
        const answer = decode(await replica.ask(statement, values).rows);
        const isOfHistory = !statement.hasState || (stamp !== null && answer.stamp === stamp && answer.version === before?.version);
        if (answer.version !== null && isNewEnough(before, answer) && isOfHistory) return answer;
      } catch (error) {
        const asked = questionError(statement.name, error);
        if (!(asked instanceof BackendUnavailable || isDamage(error))) throw asked;
      }
    }
    const { rows, link } = await this.#askPrimary(statement, values);
    const answer = decode(rows);
    if (answer.version !== null && !isNewEnough(before, answer)) {
      // It is no primary any more, or of another history.
      link.lose('a server of the past answers');
      throw new BackendUnavailable(`${statement.name}: the answer is older than what was announced`);
    }
    return answer;
  }

  /** One statement, on one connection; for what is not a question of a client. */
  async tell(text: string, values: readonly string[]): Promise<void> {
    const statement: Statement = { name: 'tell', text, parameters: 2, columns: [], hasState: false };
    await this.#askPrimary(statement, values);
  }

  async #askPrimary(statement: Statement, values: readonly string[]): Promise<{ rows: pg.QueryArrayResult<unknown[]>; link: Link }> {
    const link = await this.#present(statement);
    try {
      const asked = link.ask(statement, values);
      return await this.#first(asked, link, statement, values);
    } catch (error) {
      throw questionError(statement.name, error);
    }
  }

  /** A connection to the primary; one that was lost a moment ago is waited for, because its loss says nothing about this question. */
  async #present({ name }: Statement): Promise<Link> {
    let link = leastBusy(this.#primary);
    if (link === undefined && this.#primary.some(({ isReturning }) => isReturning)) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        this.#options.timers.after(RETURN_MS, resolve);
      });
      link = leastBusy(this.#primary);
    }
    if (link === undefined) throw new BackendUnavailable(`${name}: there is no connection to the database`);
    return link;
  }

  /** One slow question must not take along those that were put behind it: they are put again, once, on another connection. */
  #first(asked: Asked, link: Link, statement: Statement, values: readonly string[]): Promise<{ rows: pg.QueryArrayResult<unknown[]>; link: Link }> {
    return new Promise((resolve, reject) => {
      let open = 1;
      let isAskedAgain = false;
      const follow = ({ rows }: Asked, on: Link): void => {
        rows.then(
          (answer) => {
            open = 0;
            cancelHedge();
            resolve({ rows: answer, link: on });
          },
          (error: unknown) => {
            open -= 1;
            // Nobody works on it any more: it needs no place of its own.
            if (error instanceof LinkLost) void again();
            if (open === 0) {
              cancelHedge();
              reject(error as Error);
            }
          },
        );
      };
      const again = async (): Promise<void> => {
        const other = leastBusy(this.#primary.filter((one) => one !== link));
        if (isAskedAgain || other === undefined) return;
        isAskedAgain = true;
        try {
          const second = other.ask(statement, values);
          follow(second, other);
          open += 1;
          await second.rows;
        } catch {
          // Or it was lost in this moment; the first answer, or its failure, is what there is.
        }
      };
      const heldUpMs = this.#options.settings.statementTimeoutMs * HELD_UP;
      let cancelHedge = (): void => {};
      const watch = (): void => {
        cancelHedge = this.#options.timers.after(heldUpMs, () => {
          // What has come while this process was busy is read first: it may be the answer.
          setImmediate(() => {
            if (open === 0 || isAskedAgain) return;
            // When as many are under way as may be, it is looked at again later.
            if (!asked.isHeldUp(heldUpMs) || this.#atOnce.runNow(again) === null) watch();
          });
        });
      };
      watch();
      follow(asked, link);
    });
  }

  #link(servers: readonly Server[], role: Role): Link {
    const { settings, statements, timers, log, signal } = this.#options;
    const connectOptions: ConnectOptions = { settings, timers, pipeline: true, signal };
    const places = servers.map(describeServer).join(', ');
    let lastWhy = '';
    return new Link({
      timers,
      statementTimeoutMs: settings.statementTimeoutMs,
      statements: [statements.user, statements.rules, statements.groupRules, statements.everybodyRules].filter((statement) => statement !== null),
      connect: () => connectToAny(servers, role, connectOptions),
      tried: (error) => {
        const why = error === null ? '' : errorText(error);
        // Once for each cause: it is tried again and again.
        if (why !== '' && why !== lastWhy && !signal.aborted) log.warn({ servers: places, role, why }, 'cannot connect to the database yet');
        lastWhy = why;
        for (const resolve of this.#waiting) resolve();
        this.#waiting.clear();
      },
      changed: (isUp, why) => {
        if (signal.aborted) return;
        if (isUp && role === 'primary') {
          this.#answerable?.resolve();
          this.#answerable = null;
        }
        if (isUp) log.info({ servers: places, role }, 'connected to the database');
        else log.warn({ servers: places, role, why }, 'lost a connection to the database');
      },
    });
  }
}

function isNewEnough(before: SourceVersions['current'], { version, epoch }: State): boolean {
  if (before === null || version === null) return true;
  return (epoch === null || epoch === before.epoch) && version >= before.version;
}

function leastBusy(links: readonly Link[]): Link | undefined {
  let best: Link | undefined;
  for (const link of links) if (link.isUp && (best === undefined || link.outstanding < best.outstanding)) best = link;
  return best;
}
