import { type Node, parse } from 'acorn';

export type SyntaxNode = Node & Readonly<Record<string, unknown>>;

/** A node, the nodes around it from the nearest to the whole, and what the function that it stands in is called. */
export interface Place {
  readonly node: SyntaxNode;
  readonly around: readonly SyntaxNode[];
  readonly within: string;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** Every node of a module of built JavaScript, from the top down and in the order of the text. */
export function* placesOf(source: string): Generator<Place> {
  const program = parse(source, { ecmaVersion: 2023, sourceType: 'module' });
  yield* walk(program as unknown as SyntaxNode, [], []);
}

function* walk(node: SyntaxNode, around: readonly SyntaxNode[], names: readonly string[]): Generator<Place> {
  const name = nameOf(node);
  const named = name === null ? names : [...names, name];
  yield { node, around, within: named.join('.') };
  const inside = [node, ...around];
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* walk(child, inside, named);
  }
}

/** What a node calls the code within it: classes, methods, functions, and variables that hold a function or a table. */
function nameOf(node: SyntaxNode): string | null {
  switch (node.type) {
    case 'ClassDeclaration':
    case 'FunctionDeclaration':
      return identifier(node.id);
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return identifier(node.key);
    case 'VariableDeclarator': {
      const holds = isNode(node.init) ? node.init.type : '';
      return /Function|Object|Call|New/.test(holds) && isNode(node.id) && node.id.type === 'Identifier' ? identifier(node.id) : null;
    }
    default:
      return null;
  }
}

function identifier(node: unknown): string | null {
  if (!isNode(node)) return null;
  if (node.type === 'PrivateIdentifier') return `#${String(node.name)}`;
  return node.type === 'Identifier' ? String(node.name) : null;
}
