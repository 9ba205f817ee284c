// Reads the declarations of the SDK from its source, as the formatter lays it out: what is exported begins in the first column, members are
// indented by two, and what is closed is closed where it began. A syntax tree would tell no more, and needs a compiler that offers one.

/** One member of an interface, or of an object type inside of one. */
export interface Member {
  readonly name: string;
  /** Everything behind the name: `?: string`, `(reason: DenyReason): Decision`. */
  readonly type: string;
  readonly docs: string;
  readonly members: readonly Member[];
}

/** One export. */
export interface Declaration {
  readonly kind: 'interface' | 'type' | 'const' | 'function' | 'class';
  readonly name: string;
  readonly docs: string;
  /** Names behind `extends`, for interfaces. */
  readonly bases: readonly string[];
  readonly members: readonly Member[];
  /** What stands behind `=` of a type. */
  readonly definition: string;
}

const EXPORT = /^export (?:declare )?(?:abstract )?(?:async )?(interface|type|const|function|class) (\w+)/;

/** The exports of one file, in its order. */
export function declarationsOf(source: string): readonly Declaration[] {
  const lines = source.split('\n');
  const found: Declaration[] = [];
  let docs = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.startsWith('/**')) {
      const end = endOfComment(lines, at);
      docs = textOf(lines.slice(at, end + 1));
      at = end;
      continue;
    }
    const exported = EXPORT.exec(line);
    const end = endOfBlock(lines, at, '');
    if (exported !== null) found.push(declaration(exported[1] as Declaration['kind'], exported[2] ?? '', docs, lines.slice(at, end + 1)));
    docs = '';
    at = end;
  }
  return found;
}

function declaration(kind: Declaration['kind'], name: string, docs: string, lines: readonly string[]): Declaration {
  const head = lines[0] ?? '';
  const bases = kind === 'interface' ? (/ extends ([^{]+)\{/.exec(head)?.[1] ?? '') : '';
  return {
    kind,
    name,
    docs,
    bases: bases
      .split(',')
      .map((base) => base.trim())
      .filter((base) => base !== ''),
    members: kind === 'interface' ? membersOf(lines.slice(1, -1), '  ') : [],
    definition: kind === 'type' ? flat(lines.join('\n').replace(/^[^=]*=/, '')) : '',
  };
}

function membersOf(lines: readonly string[], indent: string): readonly Member[] {
  const members: Member[] = [];
  let docs = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.startsWith(`${indent}/**`)) {
      const end = endOfComment(lines, at);
      docs = textOf(lines.slice(at, end + 1));
      at = end;
      continue;
    }
    const named = new RegExp(`^${indent}(?:readonly )?(\\[?\\w+\\]?)(.*)$`).exec(line);
    if (named === null) continue;
    const end = endOfBlock(lines, at, indent);
    const inner = lines.slice(at + 1, end);
    const isObject = /: (?:ReadonlyArray<)?\{$/.test(line);
    members.push({
      name: named[1] ?? '',
      type: flat(isObject ? `${named[2]} … ${lines[end] ?? ''}` : [named[2], ...lines.slice(at + 1, end + 1)].join('\n')),
      docs,
      members: isObject ? membersOf(inner, `${indent}  `) : [],
    });
    docs = '';
    at = end;
  }
  return members;
}

function endOfComment(lines: readonly string[], from: number): number {
  let at = from;
  while (at < lines.length && !(lines[at] ?? '').includes('*/')) at += 1;
  return at;
}

/** The last line of what begins here: what is indented deeper belongs to it, and what closes it stands where it began. */
function endOfBlock(lines: readonly string[], from: number, indent: string): number {
  let end = from;
  for (let at = from + 1; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const closes = line.startsWith(indent) && /^[)}\]|]/.test(line.slice(indent.length));
    if (!line.startsWith(`${indent} `) && !closes) break;
    end = at;
  }
  return end;
}

/** The text of a comment without its stars; paragraphs are kept apart by an empty line, lines of one are joined. */
function textOf(comment: readonly string[]): string {
  const inner = comment
    .join('\n')
    .replace(/^\s*\/\*\*/, '')
    .replace(/\*\/\s*$/, '');
  return inner
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join('\n')
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim().replaceAll('\n', ' '))
    .join('\n\n')
    .trim();
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().replace(/;$/, '').trim();
}
