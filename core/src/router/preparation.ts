import type { TopicEntry } from '../gate/index.js';
import type { Matches, Route } from './route.js';
import type { TopicTree } from './topic-tree.js';

/**
 * Makes the route of one message, in steps between which everybody else is served. Subscriptions come and go meanwhile: what has gone is left out
 * in the end, what has come may be found or not.
 */
export class Preparation {
  readonly entry: TopicEntry;
  readonly matches: Matches;
  /** Whether the route is remembered, and with it the lists that it was made of. */
  kept = false;
  readonly #tree: TopicTree;
  readonly #removals: number;
  readonly #steps: Generator<undefined, Route>;
  #route: Route | null = null;

  constructor(tree: TopicTree, entry: TopicEntry, matches: Matches) {
    this.entry = entry;
    this.matches = matches;
    this.#tree = tree;
    this.#removals = tree.removals;
    this.#steps = inSteps(tree, entry, matches);
  }

  get done(): boolean {
    return this.#route !== null;
  }

  step(): void {
    const { done, value } = this.#steps.next();
    if (done === true) this.#route = value;
  }

  /** The route as it is now, once all steps are done. */
  take(): Route {
    if (this.#route === null) throw new Error('a route that is not made yet');
    if (this.#tree.removals !== this.#removals) this.#route = this.#route.living();
    return this.#route;
  }
}

function* inSteps(tree: TopicTree, entry: TopicEntry, matches: Matches): Generator<undefined, Route> {
  const { generation } = tree;
  matches.topic = entry.topic;
  yield* tree.walk(entry.topic, matches);
  return yield* matches.route(generation, entry.epoch);
}
