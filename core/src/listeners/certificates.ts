import { type TimerWheel, WheelTimer } from '../clock.js';
import { errorText } from '../errors.js';
import type { Logger } from '../log.js';
import type { CertificateHolders } from './certificate-holders.js';
import { FileWatch } from './file-watch.js';
import { ListAges } from './list-ages.js';
import type { TlsSource } from './tls-material.js';
import type { TlsServer } from './tls-server.js';

/** How long a ticket key is used; tickets themselves are good for 300 seconds. */
const TICKET_KEY_MS = 3_600_000;
/** How often revocation lists are looked at: what they take away must be gone within a second. */
const LIST_LOOK_MS = 100;

/** Keeps the certificates of a listener fresh: puts changed files in force, whole or not at all, and changes the ticket keys now and then. */
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
    this.#watch = new FileWatch(wheel, othersOf(source), (settled) => this.#read(false, settled));
    this.#listWatch = new FileWatch(wheel, source.lists, (settled) => this.#read(false, settled), LIST_LOOK_MS);
    wheel.schedule(this.#ticketTimer, TICKET_KEY_MS);
  }

  /** Takes certificates and settings of another configuration, which has judged them. It holds as a whole, also with an older list, which is told. */
  adopt(source: TlsSource): void {
    const wall = this.#wheel.clock.wall();
    const older = this.#ages.problem(source.material, wall);
    if (older !== null) this.#log.warn({ listener: this.#name }, `${older}; it is in force with the new configuration`);
    this.#ages.note(source.material, wall);
    this.#source = source;
    this.#watch.watch(othersOf(source));
    this.#listWatch.watch(source.lists);
    if (this.#server.use(source.material)) this.#holders?.judge();
  }

  /** Reads the files now; what cannot be used is complained of, even again. Resolves with the complaint, or null. */
  async refresh(): Promise<string | null> {
    await this.#read(true, () => Promise.resolve(true));
    return this.#complaint;
  }

  stop(): void {
    this.#watch.stop();
    this.#listWatch.stop();
    this.#holders?.stop();
    this.#wheel.cancel(this.#ticketTimer);
  }

  /** One reading after the other: an older one must not be put in force after a newer. */
  #read(asked: boolean, settled: () => Promise<boolean>): Promise<void> {
    this.#busy = this.#busy.then(() => this.#readNow(asked, settled));
    return this.#busy;
  }

  async #readNow(asked: boolean, settled: () => Promise<boolean>): Promise<void> {
    const source = this.#source;
    try {
      const material = await source.read();
      if (source !== this.#source || !(await settled())) return;
      const wall = this.#wheel.clock.wall();
      const older = this.#ages.problem(material, wall);
      if (older !== null) throw new Error(older);
      const changed = this.#server.use(material);
      this.#ages.note(material, wall);
      this.#complaint = null;
      if (!changed) return;
      this.#holders?.judge();
      this.#log.info({ listener: this.#name }, 'certificates read again: they are in force for new connections');
      for (const warning of material.warnings) this.#log.warn({ listener: this.#name }, warning);
    } catch (error) {
      const complaint = errorText(error);
      if (source !== this.#source || !(await settled()) || (!asked && complaint === this.#complaint)) return;
      this.#complaint = complaint;
      this.#log.error({ listener: this.#name }, `${complaint}; the certificates read before stay in force`);
    }
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
