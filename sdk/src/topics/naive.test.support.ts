/** Matching as the specification words it, one level after the other. Slow, and written to be obviously right. */
export function naiveMatches(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false;
  const rest = (pattern: readonly string[], levels: readonly string[]): boolean => {
    const [head, ...tail] = pattern;
    if (head === undefined) return levels.length === 0;
    if (head === '#') return true;
    return levels.length > 0 && (head === '+' || head === levels[0]) && rest(tail, levels.slice(1));
  };
  return rest(filter.split('/'), topic.split('/'));
}

/** All texts of 1 to `depth` levels over these symbols, the empty text left out. */
export function allTexts(symbols: readonly string[], depth: number): string[] {
  const texts: string[] = [];
  let level: readonly string[] = symbols;
  for (let i = 1; i <= depth; i++) {
    texts.push(...level.filter((text) => text !== ''));
    level = level.flatMap((text) => symbols.map((symbol) => `${text}/${symbol}`));
  }
  return texts;
}
