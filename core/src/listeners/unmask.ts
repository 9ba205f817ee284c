/**
 * Unmasks the bytes from `from` to `end` and puts them at `to`, which is not behind `from`. `mask` is a word whose lowest byte belongs to the
 * first of them. A DataView takes words at any offset, so that moving and unmasking are one pass; the words are little-endian on every machine.
 */
export function unmask(view: DataView, from: number, end: number, to: number, mask: number): void {
  let source = from;
  let target = to;
  // Four words a round: all are read before the first is written, since the target may overlap the source.
  for (; source + 16 <= end; source += 16, target += 16) {
    const first = view.getInt32(source, true);
    const second = view.getInt32(source + 4, true);
    const third = view.getInt32(source + 8, true);
    const fourth = view.getInt32(source + 12, true);
    view.setInt32(target, first ^ mask, true);
    view.setInt32(target + 4, second ^ mask, true);
    view.setInt32(target + 8, third ^ mask, true);
    view.setInt32(target + 12, fourth ^ mask, true);
  }
  for (; source + 4 <= end; source += 4, target += 4) view.setInt32(target, view.getInt32(source, true) ^ mask, true);
  for (let rest = mask; source < end; source += 1, target += 1, rest >>>= 8) view.setUint8(target, view.getUint8(source) ^ rest);
}

/** The mask for what comes after so many bytes. */
export function turned(mask: number, bytes: number): number {
  const bits = (bytes & 3) * 8;
  return bits === 0 ? mask : (mask >>> bits) | (mask << (32 - bits));
}
