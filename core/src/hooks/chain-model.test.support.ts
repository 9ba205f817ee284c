/** What one plugin says to one client, and after how long: 0 at once, Infinity never. Only "down" tells of its backend. */
export interface Said {
  readonly letter: 'allow' | 'deny' | 'skip' | 'fault' | 'down' | 'foreign';
  readonly afterMs: number;
}

export interface ModelPlugin {
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly breaker: { readonly faults: number; readonly windowMs: number; readonly openMs: number };
  /** It never denies, and its faults are looked past. */
  readonly failsOver: boolean;
}

export interface ModelVisit {
  readonly at: number;
  readonly leavesAt: number;
  readonly says: readonly Said[];
}

export interface Schedule {
  readonly fold: 'authenticate' | 'deny-overrides' | 'first-match';
  readonly deadlineMs: number;
  readonly plugins: readonly ModelPlugin[];
  readonly visits: readonly ModelVisit[];
}

export type End = 'allow' | 'deny' | 'skip' | 'fault' | 'overload';
type Sign = 'answered' | 'failed' | 'none';

/** Milliseconds: time passes in steps, and only every fifth lets timers run. */
export const STEP_MS = 5;
export const TICK_MS = 25;
export const LAST_MS = 1000;

/** What the plugin at a place says to a client. */
export function saidBy(visits: readonly ModelVisit[], visit: number, place: number): Said {
  return (visits[visit] as ModelVisit).says[place] as Said;
}

/** The rules of a chain, as plainly as they can be said: R1 to R4 and R7, the fold of R8, the budgets, the breaker. One pass over time. */
export function expectedOf({ fold, deadlineMs, plugins, visits }: Schedule) {
  const hosts = plugins.map((plugin) => ({ ...plugin, asked: new Set<number>(), waiting: new Set<number>(), failures: [0].slice(1) }));
  const breakers = plugins.map(() => ({ openUntil: null as number | null, probe: -1 }));
  const ends: (End | null)[] = visits.map(() => null);
  const best: (End | null)[] = visits.map(() => null);
  const position = visits.map(() => -1);
  const timers = new Map<number, { at: number; timeout: boolean }>();
  const answers: { visit: number; position: number; at: number }[] = [];
  const expired = new Set<string>();
  const asked: string[] = [];
  const draining = plugins.map(() => false);
  let now = 0;
  let late = 0;

  const deadline = (visit: number): number => (visits[visit] as ModelVisit).at + deadlineMs;
  const hostOf = (visit: number) => hosts[position[visit] as number];
  const end = (visit: number, how: End): void => {
    ends[visit] = how;
    position[visit] = -1;
  };

  function next(visit: number): void {
    position[visit] = (position[visit] as number) + 1;
    const host = hostOf(visit);
    if (host === undefined) return end(visit, best[visit] ?? (fold === 'authenticate' ? 'deny' : 'skip'));
    if (host.asked.size < host.maxConcurrent) return put(visit);
    if (host.waiting.size >= host.maxQueue || now >= deadline(visit)) return settle(visit, 'overload', 'none', false);
    host.waiting.add(visit);
    timers.set(visit, { at: deadline(visit), timeout: false });
  }

  function put(visit: number): void {
    const place = position[visit] as number;
    const [host, breaker] = [hosts[place] as (typeof hosts)[0], breakers[place] as (typeof breakers)[0]];
    host.waiting.delete(visit);
    timers.delete(visit);
    if (now >= deadline(visit)) return settle(visit, 'overload', 'none', false);
    if (breaker.openUntil !== null && (now < breaker.openUntil || breaker.probe >= 0)) return settle(visit, 'fault', 'none', false);
    if (breaker.openUntil !== null) breaker.probe = visit;
    host.asked.add(visit);
    asked.push(`${visit} ${place}`);
    const { afterMs } = saidBy(visits, visit, place);
    if (afterMs === 0) return answer(visit);
    answers.push({ visit, position: place, at: now + afterMs });
    const timeoutAt = now + host.timeoutMs;
    timers.set(visit, { at: Math.min(timeoutAt, deadline(visit)), timeout: timeoutAt <= deadline(visit) });
  }

  function answer(visit: number): void {
    const { letter } = saidBy(visits, visit, position[visit] as number);
    const undeclared = letter === 'deny' && hostOf(visit)?.failsOver === true;
    const outcome = letter === 'down' || letter === 'foreign' || undeclared ? 'fault' : letter;
    settle(visit, outcome, letter === 'down' ? 'failed' : 'answered', undeclared);
  }

  function expire(visit: number): void {
    const timer = timers.get(visit);
    if (hostOf(visit)?.asked.has(visit) === true) expired.add(`${visit} ${position[visit]}`);
    settle(visit, timer?.timeout === true ? 'fault' : 'overload', timer?.timeout === true ? 'failed' : 'none', false);
  }

  /** One plugin's part in one visit is over: what follows for its breaker, for the visit, and for those who wait. */
  function settle(visit: number, outcome: End, sign: Sign, final: boolean): void {
    const place = position[visit] as number;
    leave(visit, sign);
    if (outcome === 'skip' || (hosts[place]?.failsOver === true && !final && (outcome === 'fault' || outcome === 'overload'))) next(visit);
    else if (fold !== 'deny-overrides' || outcome === 'fault' || outcome === 'overload') end(visit, outcome);
    else {
      if (best[visit] !== 'deny') best[visit] = outcome;
      next(visit);
    }
    drain(place);
  }

  function leave(visit: number, sign: Sign): void {
    const place = position[visit] as number;
    const [host, breaker] = [hosts[place] as (typeof hosts)[0], breakers[place] as (typeof breakers)[0]];
    timers.delete(visit);
    host.asked.delete(visit);
    host.waiting.delete(visit);
    const probing = breaker.probe === visit;
    if (probing) breaker.probe = -1;
    if (sign === 'answered' && probing) breaker.openUntil = null;
    if (sign !== 'failed' || (breaker.openUntil !== null && !probing)) return;
    host.failures = [...host.failures, now].slice(-host.breaker.faults);
    const many = host.failures.length === host.breaker.faults && now - (host.failures[0] as number) <= host.breaker.windowMs;
    if (!many && !probing) return;
    breaker.openUntil = now + host.breaker.openMs;
    host.failures = [];
  }

  function drain(place: number): void {
    const host = hosts[place] as (typeof hosts)[0];
    if (draining[place] === true) return;
    draining[place] = true;
    for (const visit of host.waiting) if (host.asked.size < host.maxConcurrent) put(visit);
    draining[place] = false;
  }

  for (; now <= LAST_MS; now += STEP_MS) {
    const due = now % TICK_MS === 0 ? [...timers].filter(([, { at }]) => at <= now) : [];
    for (const [visit] of due) if ((timers.get(visit)?.at ?? now + 1) <= now) expire(visit);
    for (const { visit, position: place } of answers.filter(({ at }) => at === now)) {
      if (position[visit] === place && (timers.get(visit)?.at ?? now) <= now) expire(visit);
      if (expired.has(`${visit} ${place}`)) late += 1;
      else if (position[visit] === place) answer(visit);
    }
    for (const [visit, { leavesAt }] of visits.entries()) {
      if (leavesAt !== now || ends[visit] !== null || (position[visit] as number) < 0) continue;
      const place = position[visit] as number;
      leave(visit, 'none');
      position[visit] = -1;
      drain(place);
    }
    for (const [visit, { at }] of visits.entries()) if (at === now) next(visit);
  }
  return { ends, asked, late };
}
