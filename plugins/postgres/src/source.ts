import { BackendUnavailable, type Observation, type SourceVersions } from '@portcullis/sdk';
import type pg from 'pg';
import { type Change, readAnnouncement, readChange, readOwnNotification } from './changes.js';
import { decodeState, type KnownState } from './decode-rows.js';
import { quoteIdentifier } from './schema/names.js';
import type { Statement } from './statements.js';

/** Told of changes, in the moment in which the version that holds them becomes the known one: neither may be without the other. */
export type Tell = (changes: readonly Change[]) => void;

/** Why the source is looked at. */
export interface Look {
  /** Whether the connection is another one than before. */
  readonly isNew: boolean;
  /** Notifications that were not taken. */
  readonly pending: readonly string[];
  /** Takes those that have come since. */
  more(): readonly string[];
}

/** How tables tell what has changed. */
export interface Source {
  /** Whether a notification says nothing new. False: look. */
  isKnown(payload: string): boolean;
  /** When the newest change was made of those that are known; null where that is not known. */
  readonly stamp: string | null;
  /** Reads how new the data is, and tells all that has changed since the last look. */
  look(client: pg.Client, look: Look, tell: Tell): Promise<void>;
}

/** What became of the version, and by how much it grew. */
interface Observed {
  readonly observation: Observation;
  readonly steps: number;
}

const ALL: readonly Change[] = [{ kind: 'all' }];
/** More changes at once are as good as all. */
const MAX_CHANGES = 10_000;
const MAX_NAME_BYTES = 1000;

/** Tables of the schema: each change has a version, and a log says what each version has changed. */
export class SchemaSource implements Source {
  readonly #versions: SourceVersions;
  readonly #state: Statement;
  readonly #changes: string;
  /** The version at the last look: notifications up to it were on their way meanwhile, and say nothing new. */
  #lookedAt = -1;
  #stamp: string | null = null;

  constructor(versions: SourceVersions, state: Statement, schema: string) {
    this.#versions = versions;
    this.#state = state;
    // Names beyond what the schema takes are none; read in full they could be of any length.
    this.#changes = `select version, kind, tenant, case when pg_catalog.octet_length(name) <= ${MAX_NAME_BYTES} then name end from ${quoteIdentifier(schema)}.changes where version > $1 order by seq limit ${MAX_CHANGES + 1}`;
  }

  get stamp(): string | null {
    return this.#stamp;
  }

  /** Only a look tells what has changed: a notification that somebody has made up would else stand for a change that is never heard of. */
  isKnown(payload: string): boolean {
    const announced = readAnnouncement(payload);
    return announced !== null && announced.epoch === this.#versions.current?.epoch && announced.version <= this.#lookedAt;
  }

  async look(client: pg.Client, _look: Look, tell: Tell): Promise<void> {
    const { version, epoch, stamp } = await readState(client, this.#state);
    const { current } = this.#versions;
    const isLater = current !== null && current.epoch === epoch && version > current.version;
    const missed = isLater ? await this.#changesSince(client, current.version, version) : [];
    this.#lookedAt = version;
    const observation = this.#versions.observe(epoch, version);
    this.#stamp = stamp;
    const changes = observation === 'reset' ? ALL : missed;
    if (changes.length > 0) tell(changes);
  }

  async #changesSince(client: pg.Client, before: number, now: number): Promise<readonly Change[]> {
    const { rows } = await client.query<unknown[], unknown[]>({ text: this.#changes, values: [before], rowMode: 'array' });
    // The log is trimmed by whole versions, from the oldest: if the first is there, none is missing.
    if (rows.length > MAX_CHANGES || rows[0]?.[0] !== before + 1) return ALL;
    const single = new Set(rows.filter(([, kind]) => kind === 'user' || kind === 'group').map(([version]) => version));
    const changes: Change[] = [];
    for (const [version, kind, tenant, name] of rows) {
      // What came after the look is announced by itself.
      if (typeof version !== 'number' || version > now) continue;
      // Alone it may stand for more users and groups than a version lists; beside one that is listed, for the rules of everybody only.
      const change = readChange(kind === 'tenant' && single.has(version) ? 'everybody' : kind, tenant, name);
      if (change === null) return ALL;
      changes.push(change);
    }
    return changes;
  }
}

/** Tables of one's own: a notification says what has changed and not which version that is. */
export class OwnSource implements Source {
  readonly stamp = null;
  readonly #versions: SourceVersions;
  readonly #state: Statement | null;
  #count = 0;
  #hasLooked = false;

  constructor(versions: SourceVersions, state: Statement | null) {
    this.#versions = versions;
    this.#state = state;
  }

  isKnown(): boolean {
    return false;
  }

  async look(client: pg.Client, { isNew, pending, more }: Look, tell: Tell): Promise<void> {
    const notified = [...pending];
    const { observation, steps } =
      this.#state === null ? await this.#countUp(client, pending.length) : await this.#observe(client, this.#state, notified, more);
    const changes = notified.map(readOwnNotification).filter((change) => change !== null);
    const isUnderstood = changes.length === notified.length;
    // Of what was missed nobody speaks; without a version one cannot even know whether there was any.
    const mayHaveMissed = this.#state === null ? isNew && this.#hasLooked : observation === 'newer' && (isNew || steps > changes.length);
    this.#hasLooked = true;
    if (observation === 'reset' || mayHaveMissed || !isUnderstood) tell(ALL);
    else if (changes.length > 0) tell(changes);
  }

  /** A version that grew by more than was notified holds a change that nobody has spoken of. */
  async #observe(client: pg.Client, state: Statement, notified: string[], more: Look['more']): Promise<Observed> {
    const before = this.#versions.current?.version ?? 0;
    const { version, epoch } = await readState(client, state);
    const steps = version - before;
    if (steps > notified.length) {
      // Changes that this version holds were committed before it was read: what was notified of them comes before one more answer does.
      await client.query('select 1');
      notified.push(...more());
    }
    return { observation: this.#versions.observe(epoch, version), steps };
  }

  /** Counts what it hears of; and asks something all the same, because a connection that is dead must show. */
  async #countUp(client: pg.Client, notified: number): Promise<Observed> {
    await client.query('select 1');
    this.#count += notified;
    return { observation: this.#versions.observe('', this.#count), steps: notified };
  }
}

async function readState(client: pg.Client, state: Statement): Promise<KnownState> {
  const answer = await client.query<unknown[], unknown[]>({ text: state.text, values: [], rowMode: 'array' });
  try {
    return decodeState(state, answer);
  } catch (error) {
    throw new BackendUnavailable(error instanceof Error ? error.message : String(error));
  }
}
