import { createHmac, randomBytes } from 'node:crypto';
import { InvalidPluginConfig } from '@portcullis/sdk';
import { decoyHash, isPasswordHash, passwordHashFormat } from '@portcullis/sdk/passwords';
import { type Entry, parseEntries } from './entries.js';

/** The users of one reading of the file; never changed afterwards. */
export class Users {
  static readonly NONE = new Users([]);

  readonly #hashes: ReadonlyMap<string, string>;
  readonly #all: readonly string[];
  readonly #secret = randomBytes(16);

  private constructor(entries: readonly Entry[]) {
    this.#hashes = new Map(entries.map(({ name, stored }) => [name, stored]));
    this.#all = [...this.#hashes.values()];
  }

  /** Reads the text of a password file. Throws InvalidPluginConfig that names the line when any line of it cannot be used. */
  static parse(path: string, text: string): Users {
    const entries = parseEntries(path, text);
    for (const { line, stored } of entries) {
      const problem = hashProblem(path, stored);
      if (problem !== null) throw new InvalidPluginConfig(`${path}:${line}: ${problem}`);
    }
    return new Users(entries);
  }

  get size(): number {
    return this.#hashes.size;
  }

  hashOf(name: string): string | undefined {
    return this.#hashes.get(name);
  }

  /**
   * What to verify for a name that is not in the file, so that it takes as long as a wrong password for one that is; null when the file is
   * empty. In a file of several costs the same name always draws the same user's cost: a wait that changed from try to try would itself
   * tell that the name is unknown.
   */
  decoyFor(name: string): string | null {
    if (this.#all.length === 0) return null;
    const drawn = createHmac('sha256', this.#secret).update(name).digest().readUIntBE(0, 6) % this.#all.length;
    return decoyHash(this.#all[drawn] as string);
  }

  /** Names that `next` no longer holds, or holds with another hash. */
  revokedBy(next: Users): string[] {
    const names: string[] = [];
    for (const [name, hash] of this.#hashes) if (next.hashOf(name) !== hash) names.push(name);
    return names;
  }
}

function hashProblem(path: string, stored: string): string | null {
  if (isPasswordHash(stored)) return null;
  const format = passwordHashFormat(stored);
  if (format !== null) return `the ${format} hash is damaged or its cost is beyond the limits; set the password again with portcullis-passwd`;
  if (stored.startsWith('$')) return 'the hash is of an unknown format; set the password again with portcullis-passwd';
  return `the password is not hashed; run: portcullis-passwd -U ${path}`;
}
