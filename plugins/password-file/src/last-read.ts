import { Users } from './users.js';

/** The users as each file was last read, kept as long as some instance of the plugin reads it. */
export class LastRead {
  readonly #files = new Map<string, { users: Users; holders: number }>();

  /** The users of a file as they were last read; nobody if no other instance reads it. */
  hold(path: string): Users {
    const file = this.#files.get(path) ?? { users: Users.NONE, holders: 0 };
    file.holders += 1;
    this.#files.set(path, file);
    return file.users;
  }

  keep(path: string, users: Users): void {
    const file = this.#files.get(path);
    if (file !== undefined) file.users = users;
  }

  release(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    file.holders -= 1;
    if (file.holders <= 0) this.#files.delete(path);
  }
}
