/** What can stand on a roster: on one at a time. */
export interface OnRoster {
  /** Place on the roster, for the roster alone; -1 while it is on none. */
  place: number;
}

/**
 * A set whose members know their place in it: going in and out costs no hashing, and leaves nothing behind for the garbage collector. For
 * what comes and goes with every connection. In no order.
 */
export class Roster<Member extends OnRoster> {
  readonly #members: Member[];

  constructor() {
    // Not empty at first: V8 takes an empty array for one of small integers, and recompiles whoever adds the first object to each.
    const members: (Member | null)[] = [null];
    members.pop();
    this.#members = members as Member[];
  }

  get size(): number {
    return this.#members.length;
  }

  add(member: Member): void {
    if (member.place >= 0) return;
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** False when it was not there. */
  delete(member: Member): boolean {
    const { place } = member;
    if (place < 0 || this.#members[place] !== member) return false;
    const last = this.#members.pop() as Member;
    member.place = -1;
    if (last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    return true;
  }

  /** The members of this moment, in an array of its own: they may go while it is walked. */
  all(): Member[] {
    return this.#members.slice();
  }
}
