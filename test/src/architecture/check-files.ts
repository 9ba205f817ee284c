import type { Breach } from './check-imports.js';

export const MAX_LINES = 400;
export const MAX_README_LINES = 20;

function lines(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length;
}

/** Files of code that have outgrown a reader. Tests may be long: a table of cases is one thought. */
export function checkLengths(files: ReadonlyMap<string, string>): Breach[] {
  const breaches: Breach[] = [];
  for (const [path, text] of files) {
    if (!/\.[jt]s$/.test(path) || path.includes('.test.')) continue;
    const count = lines(text);
    if (count > MAX_LINES) breaches.push({ path, line: MAX_LINES + 1, message: `has ${count} lines, ${MAX_LINES} is the most` });
  }
  return breaches;
}

/** A README for every room of core and every package; those of rooms stay short enough to be read before each change. */
export function checkReadmes(files: ReadonlyMap<string, string>): Breach[] {
  const breaches: Breach[] = [];
  for (const folder of foldersThatNeedOne(files)) {
    const path = `${folder}/README.md`;
    const text = files.get(path);
    if (text === undefined) breaches.push({ path, line: 1, message: 'is missing: every room says what it owns, promises and must not do' });
    else if (folder.startsWith('core/src/') && lines(text) > MAX_README_LINES) {
      breaches.push({ path, line: MAX_README_LINES + 1, message: `has ${lines(text)} lines, ${MAX_README_LINES} is the most` });
    }
  }
  return breaches;
}

function foldersThatNeedOne(files: ReadonlyMap<string, string>): Set<string> {
  const folders = new Set<string>();
  for (const path of files.keys()) {
    const room = /^core\/src\/[^/]+(?=\/)/.exec(path)?.[0];
    const owner = /^(?:sdk|core|plugins\/[^/]+|test\/kit|test\/servers|test)(?=\/package\.json$)/.exec(path)?.[0];
    if (room !== undefined) folders.add(room);
    if (owner !== undefined) folders.add(owner);
  }
  return folders;
}

// Put together from pieces, so that this file does not contain what it looks for.
const slash = '/';
const FOREIGN: readonly RegExp[] = [
  new RegExp(`${slash}work${slash}(?:main|shared|tmp|\\.)`),
  new RegExp(`${slash}tmp${slash}[a-z_.-]*(?:brief|bash|pcl)`),
  new RegExp(`${slash}root${slash}`),
  new RegExp(`${slash}home${slash}[a-z]`),
  new RegExp(`\\.\\.${slash}shared\\b`),
  new RegExp(`registry\\.${'npm'}`),
];

/** Text that only means something on the machine where it was written: its folders, or the address of its registry. */
export function checkForeignPaths(files: ReadonlyMap<string, string>, root: string): Breach[] {
  const breaches: Breach[] = [];
  for (const [path, text] of files) {
    text.split('\n').forEach((line, index) => {
      const hit =
        FOREIGN.map((pattern) => pattern.exec(line)?.[0]).find((found) => found !== undefined) ??
        (root.length > 4 && line.includes(root) ? root : undefined);
      if (hit !== undefined) breaches.push({ path, line: index + 1, message: `names "${hit}", which exists on one machine only` });
    });
  }
  return breaches;
}
