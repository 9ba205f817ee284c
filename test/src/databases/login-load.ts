import type { Socket } from 'node:net';
import { connect5, connect311 } from '../support/packets.js';
import { sendConnect } from './send-connect.js';

/** Who tries to log in, and whether he may. */
export interface Candidate {
  readonly username: string;
  readonly password: string;
  /** Whether letting him in would be right; asked when the answer has come, of what held when he began. */
  mayEnter(): boolean;
  /** Whether he may lose his rights while he logs in. */
  readonly isBeingRevoked: boolean;
}

/** How one login ended. */
export interface Login {
  readonly candidate: Candidate;
  readonly mayEnter: boolean;
  /** Code of the CONNACK; null for a connection that ended without one. */
  readonly code: number | null;
  readonly version: 4 | 5;
  readonly begunAt: number;
  readonly tookMs: number;
}

/** What a CONNACK may say to whom; anything else is counted as strange. */
export const ACCEPTED = 0;
const REFUSALS: Readonly<Record<4 | 5, readonly number[]>> = { 4: [3, 4], 5: [0x86, 0x88, 0x89] };
/** Who loses his rights between the password and the rights is not authorized. */
const LOST_MEANWHILE: Readonly<Record<4 | 5, number>> = { 4: 5, 5: 0x87 };
/** Long after every deadline: whoever is not answered by then is not answered at all. */
const GIVE_UP_MS = 20_000;

/** Logins at a steady rate, whatever becomes of them, each on a connection of its own; 3.1.1 and 5.0 in turn. */
export class LoginLoad {
  readonly #port: number;
  readonly #perSecond: number;
  readonly #next: () => Candidate;
  readonly #ended: (login: Login) => void;
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | null = null;
  #begun = 0;
  #startedAt = 0;

  constructor(port: number, perSecond: number, next: () => Candidate, ended: (login: Login) => void) {
    this.#port = port;
    this.#perSecond = perSecond;
    this.#next = next;
    this.#ended = ended;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - this.#startedAt) / 1000) * this.#perSecond);
      while (this.#begun < due) this.#begin();
    }, 10);
  }

  /** Begins no more, and waits for what has begun. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all([...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))));
  }

  #begin(): void {
    const version = this.#begun % 2 === 0 ? 4 : 5;
    this.#begun += 1;
    const candidate = this.#next();
    const mayEnter = candidate.mayEnter();
    const fields = { clientId: `c${this.#begun}`, username: candidate.username, password: candidate.password };
    const bytes = Buffer.from(version === 4 ? connect311(fields) : connect5(fields), 'hex');
    const begunAt = performance.now();
    const socket = sendConnect({ port: this.#port, host: '127.0.0.1' }, bytes, (code) => {
      this.#ended({ candidate, mayEnter, code, version, begunAt, tookMs: performance.now() - begunAt });
      if (!socket.destroyed) socket.end(Buffer.from('e000', 'hex'));
    });
    this.#sockets.add(socket);
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/**
 * Whether a refusal is one of those that are due when a database cannot be asked, or a password is wrong; and for somebody who is revoked just now,
 * that of who is known and may nothing.
 */
export function isDueRefusal({ code, version, candidate }: Login): boolean {
  if (code === null) return false;
  return REFUSALS[version].includes(code) || (candidate.isBeingRevoked && code === LOST_MEANWHILE[version]);
}
