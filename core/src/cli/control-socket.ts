import type { PortcullisConfig } from '../config/index.js';
import { type ControlCommand, ControlServer } from '../control/index.js';
import type { Logger } from '../log.js';

/** Another place for the control socket, bound but not in use yet. */
export interface Move {
  /** From now on only the new one is there. */
  commit(): void;
  /** The old one stays. */
  abandon(): Promise<void>;
}

/** The control socket of a running broker: there or not, and elsewhere when the configuration says so. */
export class ControlSocket {
  readonly #commands: ReadonlyMap<string, ControlCommand>;
  readonly #log: Logger;
  #server: ControlServer | null = null;
  #closed = false;

  constructor(commands: ReadonlyMap<string, ControlCommand>, log: Logger) {
    this.#commands = commands;
    this.#log = log;
  }

  /** Makes the socket that the configuration names, unless it is there already. Rejects with one line when it cannot. */
  async prepare({ controlSocket: path, limits }: PortcullisConfig): Promise<Move> {
    if (path === (this.#server?.path ?? null)) return { commit: () => {}, abandon: async () => {} };
    const next = path === null ? null : await ControlServer.open({ path, limits, commands: this.#commands, log: this.#log });
    return {
      commit: () => {
        // Not awaited: it may be over this very socket that the move is waited for.
        void this.#server?.close();
        this.#server = next;
        if (this.#closed) this.close();
      },
      abandon: async () => next?.close(),
    };
  }

  /** Removes the socket, also one that is being made. */
  close(): void {
    this.#closed = true;
    void this.#server?.close();
    this.#server = null;
  }
}
