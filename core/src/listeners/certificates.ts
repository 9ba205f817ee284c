import { type TimerWheel, WheelTimer } from '../clock.js';
import { errorText } from '../errors.js';
import type { Logger } from '../log.js';
import type { CertificateHolders } from './certificate-holders.js';
import { FileWatch } from './file-watch.js';
import { ListAges } from './list-ages.js';
import type { TlsMaterial, TlsReadingTerms, TlsSource } from './tls-material.js';
import type { TlsServer } from './tls-server.js';

/** How long a ticket key is used; tickets themselves are good for 300 seconds. */
const TICKET_KEY_MS = 3_600_000;
/** How often revocation lists are looked at: what they take away must be gone within a second. */
const LIST_LOOK_MS = 100;
/** How long a revocation list may be away: who replaces a file does not always rename the next one over it. */
const LIST_GONE_MS = 2000;

/** Keeps the certificates of a listener fresh: puts changed files in force, each certificate and each list for itself, and changes the ticket keys now and then. */
export class Certificates {
  readonly #name: string;
  readonly #server: TlsServer;
  readonly #wheel: TimerWheel;
  readonly #log: Logger;
  readonly #watch: FileWatch;
  readonly #listWatch: FileWatch;
  readonly #holders: CertificateHolders | null;
  readonly #ages = new ListAges();
  readonly #ticketTimer = new WheelTimer(() => this.#rotateTickets());
  #source: TlsSource;
  #busy: Promise<void> = Promise.resolve();
  /** What was last complained of, so that a file that stays bad is named once. */
  #complaint: string | null = null;

  constructor(name: string, server: TlsServer, source: TlsSource, wheel: TimerWheel, log: Logger, holders: CertificateHolders | null = null) {
    this.#name = name;
    this.#holders = holders;
    this.#server = server;
    this.#source = source;
    this.#wheel = wheel;
    this.#log = log;
    this.#ages.note(source.material, wheel.clock.wall());
    this.#watch = new FileWatch(wheel, othersOf(source), () => this.#read(false));
    this.#listWatch = new FileWatch(wheel, source.lists, () => this.#read(false), { lookMs: LIST_LOOK_MS, goneMs: LIST_GONE_MS });
    wheel.schedule(this.#ticketTimer, TICKET_KEY_MS);
  }

  /** Takes certificates and settings of another configuration, which has judged them. It holds as a whole, also with an older list, which is told. */
  adopt(source: TlsSource): void {
    const wall = this.#wheel.clock.wall();
    const older = this.#ages.problem(source.material, wall);
    if (older !== null) this.#log.warn({ listener: this.#name }, `${older}; it is in force with the new configuration`);
    this.#ages.note(source.material, wall, true);
    this.#source = source;
    this.#watch.watch(othersOf(source));
    this.#listWatch.watch(source.lists);
    if (this.#server.use(source.material)) this.#holders?.judge();
  }

  /** Reads the files now; what cannot be used is complained of, even again. Resolves with the complaint, or null. */
  async refresh(): Promise<string | null> {
    await this.#read(true);
    return this.#complaint;
  }

  stop(): void {
    this.#watch.stop();
    this.#listWatch.stop();
    this.#holders?.stop();
    this.#wheel.cancel(this.#ticketTimer);
  }

  /** One reading after the other: an older one must not be put in force after a newer. */
  #read(asked: boolean): Promise<void> {
    this.#busy = this.#busy.then(() => this.#readNow(asked));
    return this.#busy;
  }

  async #readNow(asked: boolean): Promise<void> {
    const source = this.#source;
    try {
      // A list that was not valid yet when it was read may have come into force since.
      this.#ages.note(this.#server.material, this.#wheel.clock.wall());
      const newest: TlsReadingTerms['newest'] = (serverName, issuer, kind) => this.#ages.newest(serverName, issuer, kind);
      const { material, problems, gone } = await source.read({ moving: () => this.#moving(asked), newest });
      if (source !== this.#source) return;
      // Found gone without the quiet time: the watch must tell of them whatever it has seen, also when they are back as they were.
      if (asked) this.#listWatch.forget(gone);
      this.#use(material, problems.length > 0);
      this.#complain(asked, problems.length === 0 ? null : problems.join('; '));
    } catch (error) {
      if (source === this.#source) this.#complain(asked, `${errorText(error)}: what was in force stays so`);
    }
  }

  /** Whoever asks for a reading means the files as they are now. */
  async #moving(asked: boolean): Promise<ReadonlySet<string>> {
    if (asked) return new Set();
    const [others, lists] = await Promise.all([this.#watch.moving(), this.#listWatch.moving()]);
    return new Set([...others, ...lists]);
  }

  #use(material: TlsMaterial, isPart: boolean): void {
    const changed = this.#server.use(material);
    this.#ages.note(material, this.#wheel.clock.wall());
    if (!changed) return;
    this.#holders?.judge();
    const which = isPart ? 'certificates read again: those that are good' : 'certificates read again: they';
    this.#log.info({ listener: this.#name }, `${which} are in force for new connections`);
    for (const warning of material.warnings) this.#log.warn({ listener: this.#name }, warning);
  }

  #complain(asked: boolean, complaint: string | null): void {
    const isNew = complaint !== this.#complaint;
    this.#complaint = complaint;
    if (complaint === null || !(asked || isNew)) return;
    this.#log.error({ listener: this.#name }, `${complaint}; everything else is in force as it is in its files`);
  }

  #rotateTickets(): void {
    this.#server.rotateTickets();
    this.#wheel.schedule(this.#ticketTimer, TICKET_KEY_MS);
  }
}

/** Files that nobody else looks at. */
function othersOf({ files, lists }: TlsSource): readonly string[] {
  return files.filter((file) => !lists.includes(file));
}
