/**
 * What the campaign compares with. Written for being read, not for speed: a filter is spelled out into the plain patterns it stands for, and
 * a question about two filters is answered by trying topics.
 */

/** A filter without `#`: each level a text, or null for any. */
type Pattern = readonly (string | null)[];

/** The pattern of a filter that takes topics of `length` levels, or undefined if it takes none of that length. */
function patternOfLength(filter: string, length: number): Pattern | undefined {
  const levels: (string | null)[] = filter.split('/').map((level) => (level === '+' ? null : level));
  if (levels.at(-1) === '#') {
    levels.pop();
    while (levels.length < length) levels.push(null);
  }
  return levels.length === length ? levels : undefined;
}

/** Whether a filter takes a topic name: section 4.7 of the specification. */
export function referenceMatches(filter: string, topic: string): boolean {
  if (topic === '') return false;
  const levels = topic.split('/');
  const pattern = patternOfLength(filter, levels.length);
  if (pattern === undefined) return false;
  if (topic.startsWith('$') && pattern[0] === null) return false;
  return pattern.every((expected, i) => expected === null || expected === levels[i]);
}

/**
 * Topics that tell apart whatever these filters can tell apart: every mixture of their literals and of names that no filter has, to one level
 * more than the longest filter.
 */
export function tellingTopics(filters: readonly string[]): string[] {
  const longest = Math.max(...filters.map((filter) => filter.split('/').length)) + 1;
  let topics: string[] = [];
  const all: string[] = [];
  for (let i = 0; i < longest; i++) {
    const names = new Set(['fresh', '']);
    if (i === 0) names.add('$fresh');
    for (const filter of filters) {
      const level = filter.split('/')[i];
      if (level !== undefined && level !== '+' && level !== '#') names.add(level);
    }
    topics = i === 0 ? [...names] : topics.flatMap((topic) => [...names].map((name) => `${topic}/${name}`));
    all.push(...topics);
  }
  return all.filter((topic) => topic !== '');
}

export function referenceCovers(outer: readonly string[], inner: string): boolean {
  return tellingTopics([...outer, inner]).every(
    (topic) => !referenceMatches(inner, topic) || outer.some((filter) => referenceMatches(filter, topic)),
  );
}

export function referenceIntersects(one: string, other: string): boolean {
  return tellingTopics([one, other]).some((topic) => referenceMatches(one, topic) && referenceMatches(other, topic));
}
