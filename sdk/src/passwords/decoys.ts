import { createHmac, randomBytes } from 'node:crypto';
import { passwordHashFormat } from './formats.js';
import { decoyHash } from './hash-password.js';

/** Kinds and costs of hashes that are told apart; an installation has one or two. */
const MAX_DECOYS = 16;

/**
 * Decoys of the kinds and costs of the hashes that an authority has met, for names that it does not know: verified against one, an unknown user takes
 * as long as a known one with a wrong password. The answer of such a verification must be ignored.
 */
export class Decoys {
  readonly #secret = randomBytes(16);
  readonly #decoys = new Map<string, string>();

  /** Takes note of a stored hash; one that is no usable hash is passed over. */
  met(storedHash: string): void {
    const kind = kindOf(storedHash);
    if (kind === null || this.#decoys.has(kind) || this.#decoys.size >= MAX_DECOYS) return;
    const decoy = decoyHash(storedHash);
    if (decoy !== null) this.#decoys.set(kind, decoy);
  }

  /**
   * What to verify for a name; null before any hash was met. The same name draws the same decoy as long as no new kind is met: a wait that changed
   * from try to try would itself tell that the name is unknown.
   */
  for(name: string): string | null {
    if (this.#decoys.size === 0) return null;
    const drawn = createHmac('sha256', this.#secret).update(name).digest().readUIntBE(0, 6) % this.#decoys.size;
    return [...this.#decoys.values()][drawn] ?? null;
  }
}

/** What stands before salt and digest: format and cost. */
function kindOf(storedHash: string): string | null {
  const format = passwordHashFormat(storedHash);
  if (format === null) return null;
  return format === 'bcrypt' ? storedHash.slice(0, '$2b$10$'.length) : storedHash.split('$').slice(1, -2).join('$');
}
