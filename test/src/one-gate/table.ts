import type { Rule } from '@portcullis/sdk';
import type { Random } from '../fuzz/random.js';

/** First levels of topics. What lies below `u` is each user's own. */
export const AREAS = ['a', 'b', 'c'] as const;
const OWN = 'u';
/** Two would widen a pattern if their names were read as part of it; an anonymous client has no name at all. */
export const USERS = ['amy', 'bob', 'cid', '+', '#', null] as const;
export type User = (typeof USERS)[number];
export type Action = 'publish' | 'subscribe' | 'receive';
export const TOPICS = ['a/x', 'a/x', 'a/y', 'b/x', 'b/x', 'c/x', 'u/amy/x', 'u/bob/x', 'u/x'] as const;
export const FILTERS = ['a/#', 'a/x', 'b/+', 'c/x', '#', '+/x', 'u/+/#', 'u/amy/#', 'u/bob/x', 'u/#'] as const;
export const GROUPS = ['$share/g/a/#', '$share/secret/a/x', '$share/g/#', '$share/a/c/x'] as const;

const ACTIONS: readonly Action[] = ['publish', 'subscribe', 'receive'];

/** What one user may do: areas by action, written down as what is allowed, or as everything but what is denied. */
interface Row {
  readonly form: 'some' | 'all but';
  readonly areas: Readonly<Record<Action, readonly string[]>>;
}

/** Who may do what: the small reference that the broker is held against. It knows nothing of rules, filters and sessions. */
export class Table {
  readonly #rows = new Map<User, Row>();
  /** Grows with every change. */
  version = 1;

  constructor(random: Random) {
    for (const user of USERS) this.change(user, random);
  }

  /** Gives a user other rights. */
  change(user: User, random: Random): void {
    const some = (): string[] => AREAS.filter(() => !random.oneIn(3));
    const subscribe = some();
    // Who may receive may subscribe: where code is asked, it is asked about the first alone.
    const receive = subscribe.filter(() => !random.oneIn(4));
    this.#rows.set(user, { form: random.oneIn(2) ? 'some' : 'all but', areas: { publish: some(), subscribe, receive } });
    this.version += 1;
  }

  may(user: User, action: Action, topic: string): boolean {
    const { form, areas } = this.#row(user);
    const [area = '', owner] = topic.split('/');
    return area === OWN ? form === 'some' && owner === user : areas[action].includes(area);
  }

  /** Whether a topic filter is granted, in part or in whole. */
  maySubscribe(user: User, filter: string): boolean {
    return this.#touches(user, 'subscribe', filter);
  }

  /** Whether nothing that a topic filter finds may be had any more. */
  isLost(user: User, filter: string): boolean {
    return !this.#touches(user, 'subscribe', filter) || !this.#touches(user, 'receive', filter);
  }

  #touches(user: User, action: 'subscribe' | 'receive', filter: string): boolean {
    const { form, areas } = this.#row(user);
    const [area = '', owner = ''] = filter.split('/');
    const hasOwn = form === 'some' && user !== null && user !== '+' && user !== '#';
    if (area === OWN) return hasOwn && (owner === user || owner === '+' || owner === '#');
    if (area === '#') return form === 'all but' || hasOwn || areas[action].length > 0;
    if (area === '+') return form === 'all but' || areas[action].length > 0;
    return areas[action].includes(area);
  }

  /** The same as rules, in the form that the row has. */
  rules(user: User): Rule[] {
    const { form, areas } = this.#row(user);
    const from = `${user}`;
    const each = (effect: 'allow' | 'deny', has: boolean): Rule[] =>
      ACTIONS.flatMap((action) =>
        AREAS.filter((area) => areas[action].includes(area) === has).map((area): Rule => ({ effect, actions: [action], pattern: `${area}/#`, from })),
      );
    if (form === 'some') return [...each('allow', true), { effect: 'allow', actions: ACTIONS, pattern: `${OWN}/%u/#`, from }];
    return [
      { effect: 'allow', actions: ACTIONS, pattern: '#', from },
      ...each('deny', false),
      { effect: 'deny', actions: ACTIONS, pattern: `${OWN}/#`, from },
    ];
  }

  #row(user: User): Row {
    return this.#rows.get(user) as Row;
  }
}
