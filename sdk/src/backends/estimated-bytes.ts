/** What V8 needs for a string, an array and an object beside what is in them, and for each slot. */
const STRING_BYTES = 24;
const ARRAY_BYTES = 64;
const OBJECT_BYTES = 128;
const SLOT_BYTES = 8;
/** Objects without a prototype are hash tables, and hold their names themselves. */
const TABLE_BYTES = 200;
const TABLE_SLOT_BYTES = 48;
const NUMBER_BYTES = 16;

/**
 * About how many bytes of the heap a plain value takes that a decoder has made: texts, numbers, arrays, objects. What it holds twice counts once. Meant to
 * be a little too high rather than too low.
 */
export function estimatedBytes(value: unknown): number {
  const seen = new Set<object>();
  const waiting: unknown[] = [value];
  let bytes = 0;
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') bytes += textBytes(next);
    else if (typeof next === 'number') bytes += NUMBER_BYTES;
    else if (typeof next === 'object' && next !== null && !seen.has(next)) {
      seen.add(next);
      bytes += Array.isArray(next) ? ARRAY_BYTES + SLOT_BYTES * next.length : objectBytes(next);
      for (const inner of Object.values(next)) waiting.push(inner);
    }
  }
  return bytes;
}

function objectBytes(object: object): number {
  const names = Object.keys(object);
  if (Object.getPrototypeOf(object) !== null) return OBJECT_BYTES + SLOT_BYTES * names.length;
  return names.reduce((bytes, name) => bytes + TABLE_SLOT_BYTES + textBytes(name), TABLE_BYTES);
}

/** One character that is wide makes all characters of a text wide. */
function textBytes(text: string): number {
  const isNarrow = Buffer.byteLength(text) === text.length;
  return STRING_BYTES + text.length * (isNarrow ? 1 : 2);
}
