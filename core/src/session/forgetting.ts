import type { Subscription } from '../router/index.js';
import type { SessionRoom } from './room.js';
import type { Session } from './session.js';

/** Subscriptions of a session that has ended are forgotten at once up to so many, else in slices with so many between two looks at the clock. */
const FORGOTTEN_AT_ONCE = 64;
const FORGOTTEN_BETWEEN_LOOKS = 16;

/** All at once, unless they are many and nobody is there who could still get something by them. */
export function forgetSubscriptions({ router, turns }: SessionRoom, session: Session): void {
  const { domain } = session;
  const all = [...session.subscriptions.values()];
  if (all.length > 0) session.subscriptions.clear();
  let next = 0;
  const slice = (): void => {
    const until = turns.begin(session);
    while (next < all.length) {
      router.unsubscribe(domain, all[next++] as Subscription);
      if (next % FORGOTTEN_BETWEEN_LOOKS === 0 && turns.over(until)) return turns.later(slice);
    }
  };
  if (all.length > FORGOTTEN_AT_ONCE && session.outlet === null && !session.client.receiveAsks) {
    // What still finds its way here has nowhere to wait.
    session.durable = false;
    turns.later(slice);
  } else for (const subscription of all) router.unsubscribe(domain, subscription);
}
