const DOLLAR = 0x24;
const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/**
 * Tells whether a topic filter matches a topic name, as the router does.
 *
 * `+` takes one level, also an empty one; `a/#` takes `a` and everything below it; a filter that begins with a wildcard takes no topic that
 * begins with `$`. Text is compared as it is, without normalisation. Both arguments must have been found valid (`isTopicFilter`,
 * `isTopicName`; of a shared filter the inner one); for other text the answer means nothing, but comes without an error. One pass, no
 * memory, no backtracking.
 *
 * Spec: 5.0 and 3.1.1 section 4.7.
 */
export function matches(filter: string, topic: string): boolean {
  const filterLength = filter.length;
  const topicLength = topic.length;
  if (filterLength === 0 || topicLength === 0) return false;
  const first = filter.charCodeAt(0);
  if ((first === PLUS || first === HASH) && topic.charCodeAt(0) === DOLLAR) return false; // [MQTT-4.7.2-1]
  let f = 0;
  let t = 0;
  while (f < filterLength) {
    const unit = filter.charCodeAt(f);
    if (unit === HASH) return true;
    if (unit === PLUS) {
      f += 1;
      while (t < topicLength && topic.charCodeAt(t) !== SLASH) t += 1;
    } else if (t < topicLength && topic.charCodeAt(t) === unit) {
      f += 1;
      t += 1;
    } else {
      // Only "/#" may be left over: it stands for the level above it too.
      return t === topicLength && unit === SLASH && f + 2 === filterLength && filter.charCodeAt(f + 1) === HASH;
    }
  }
  return t === topicLength;
}
