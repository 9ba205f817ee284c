/** A filter in levels, its closing `#` apart. */
interface Shape {
  readonly levels: readonly string[];
  /** Whether it ended with `#`, that is, takes any number of further levels. */
  readonly open: boolean;
}

/**
 * Tells whether every topic name that filter `b` matches is matched by filter `a` too.
 *
 * Exact: levels have unboundedly many values, so no list of literals makes up for a `+`; `$` topics and empty levels are taken into account
 * (`+/#` covers `#`, `#` does not cover `$SYS/x`, `/+/#` covers `/#`). The one thing left out is that a topic name has at most 65,535 bytes:
 * true stays true with that bound. Both must be valid topic filters. Linear in the length of the texts.
 */
export function covers(a: string, b: string): boolean {
  const outer = shapeOf(a);
  const inner = shapeOf(b);
  const from = reach(outer, inner);
  return from >= 0 && (!inner.open || (outer.open && from <= fewestFurtherLevels(inner)));
}

/**
 * Tells whether every topic name that filter `b` matches is matched by at least one of these filters.
 *
 * Exact like `covers`, and more than asking it for each: `a`, `a/+` and `a/+/+/#` cover `a/#` together. All must be valid topic filters; no
 * filters cover nothing. Linear in the length of all texts together.
 */
export function coversUnion(filters: Iterable<string>, b: string): boolean {
  const inner = shapeOf(b);
  // For every number of further levels there is a topic with a fresh name at each `+` and each further level. Whatever filter matches it has
  // `+` or `#` at all those places, so it matches all topics of that number: it is enough to look at each number apart.
  const single = new Set<number>();
  let allFrom = Number.POSITIVE_INFINITY;
  for (const filter of filters) {
    const outer = shapeOf(filter);
    const from = reach(outer, inner);
    if (from < 0) continue;
    if (!inner.open) return true;
    if (outer.open) allFrom = Math.min(allFrom, from);
    else single.add(from);
  }
  if (!inner.open) return false;
  let next = fewestFurtherLevels(inner);
  while (next < allFrom && single.has(next)) next += 1;
  return next >= allFrom;
}

/**
 * Tells whether some topic name matches both filters.
 *
 * Exact, up to the bound on a topic name's length (false stays false with that bound); `$` topics and empty levels are taken into account:
 * `#` and `$SYS/#` have nothing in common, nor have `+` and `/#`. Both must be valid topic filters. Linear in the length of the texts.
 */
export function intersects(a: string, b: string): boolean {
  const one = shapeOf(a);
  const other = shapeOf(b);
  if (excludesByDollar(one, other) || excludesByDollar(other, one)) return false;
  const common = Math.min(one.levels.length, other.levels.length);
  for (let i = 0; i < common; i++) {
    const left = one.levels[i];
    const right = other.levels[i];
    if (left !== right && left !== '+' && right !== '+') return false;
  }
  if (one.levels.length < other.levels.length) return one.open;
  if (one.levels.length > other.levels.length) return other.open;
  // One empty level would be the empty topic name, which there is not.
  return (one.open && other.open) || common !== 1 || (one.levels[0] !== '' && other.levels[0] !== '');
}

function shapeOf(filter: string): Shape {
  const levels = filter.split('/');
  const open = levels[levels.length - 1] === '#';
  if (open) levels.pop();
  return { levels, open };
}

/**
 * How many levels beyond the levels of `inner` a topic of it must have for `outer` to take it, or -1 if `outer` takes no such number entirely.
 * An open `outer` takes all greater numbers as well.
 */
function reach(outer: Shape, inner: Shape): number {
  if (excludesByDollar(outer, inner)) return -1;
  const outerLength = outer.levels.length;
  const innerLength = inner.levels.length;
  for (let i = 0; i < outerLength; i++) {
    const level = outer.levels[i];
    if (level !== '+' && (i >= innerLength || level !== inner.levels[i])) return -1;
  }
  if (outerLength < innerLength) return outer.open ? 0 : -1;
  return outerLength === innerLength || inner.open ? outerLength - innerLength : -1;
}

/** Whether `wild` begins with a wildcard and `other` with a literal `$…`. */
function excludesByDollar(wild: Shape, other: Shape): boolean {
  const first = wild.levels[0];
  return (first === undefined || first === '+') && other.levels[0]?.startsWith('$') === true; // [MQTT-4.7.2-1]
}

/** `#` and `/#` cannot go without a further level: it would leave the empty topic name. */
function fewestFurtherLevels(shape: Shape): 0 | 1 {
  return shape.levels.length === 0 || (shape.levels.length === 1 && shape.levels[0] === '') ? 1 : 0;
}
