import { isNode, type Place, type SyntaxNode } from './syntax.js';

/** One change of the text, and what it is called. */
export interface Edit {
  readonly kind: EditKind;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** What is shown of the text: the changed node, or for a condition what it guards as well. */
  readonly shown: SyntaxNode;
}

export type EditKind =
  | 'condition always true'
  | 'condition never true'
  | 'comparison flipped'
  | 'boundary moved'
  | 'and/or swapped'
  | 'only the left side'
  | 'only the right side'
  | 'negation dropped'
  | 'outcome swapped'
  | 'reason swapped'
  | 'code changed'
  | 'truth swapped'
  | 'return dropped'
  | 'throw dropped'
  | 'jump dropped'
  | 'call dropped'
  | 'assignment dropped';

type Text = (node: SyntaxNode) => string;
type Operator = (place: Place, text: Text) => readonly Edit[];

/** A map, since the code under change knows words such as `constructor`. */
function table(entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(entries));
}

const COMPARISONS = table({ '===': '!==', '!==': '===' });
const BOUNDARIES = table({ '<': '<=', '<=': '<', '>': '>=', '>=': '>' });

/** What each word of the algebra is mistaken for: the more permissive neighbour where there is one. */
const OUTCOMES = table({
  allow: 'deny',
  deny: 'allow',
  skip: 'allow',
  fault: 'skip',
  pass: 'deny',
  accepted: 'refused',
  refused: 'accepted',
  given: 'nothing',
  nothing: 'given',
  answered: 'failed',
  failed: 'answered',
  none: 'answered',
  refuse: 'skip',
  'deny-overrides': 'first-match',
  'first-match': 'deny-overrides',
  publish: 'subscribe',
  subscribe: 'receive',
  receive: 'publish',
});

const REASONS = table({
  'bad-credentials': 'not-authorized',
  'not-authorized': 'busy',
  banned: 'rate',
  rate: 'quota',
  quota: 'busy',
  busy: 'not-authorized',
  timeout: 'threw',
  unavailable: 'threw',
  overload: 'threw',
  undeclared: 'malformed',
  'breaker-open': 'timeout',
  'not-ready': 'timeout',
  stopped: 'timeout',
});

const ANSWERS = table({ ALLOW: 'DENY', DENY: 'ALLOW', NONE: 'ALLOW' });

export const OPERATORS: readonly Operator[] = [conditions, comparisons, logic, negations, words, codes, truths, returns, jumps, statements];

function edit(kind: EditKind, node: SyntaxNode, replacement: string, shown: SyntaxNode = node): Edit {
  return { kind, start: node.start, end: node.end, replacement, shown };
}

/** A check that is not made any more, or that always strikes. */
function conditions({ node }: Place): readonly Edit[] {
  if (node.type !== 'IfStatement' && node.type !== 'ConditionalExpression') return [];
  const test = node.test as SyntaxNode;
  return [edit('condition never true', test, 'false'), edit('condition always true', test, 'true')];
}

function comparisons({ node }: Place): readonly Edit[] {
  if (node.type !== 'BinaryExpression') return [];
  const operator = String(node.operator);
  const left = node.left as SyntaxNode;
  const right = node.right as SyntaxNode;
  const swap = (kind: EditKind, to: string): Edit => ({ kind, start: left.end, end: right.start, replacement: ` ${to} `, shown: node });
  const opposite = COMPARISONS.get(operator);
  if (opposite !== undefined) return [swap('comparison flipped', opposite)];
  const neighbour = BOUNDARIES.get(operator);
  return neighbour === undefined ? [] : [swap('boundary moved', neighbour)];
}

function logic({ node }: Place, text: Text): readonly Edit[] {
  if (node.type !== 'LogicalExpression' || node.operator === '??') return [];
  const left = node.left as SyntaxNode;
  const right = node.right as SyntaxNode;
  const other = node.operator === '&&' ? '||' : '&&';
  return [
    edit('and/or swapped', node, `((${text(left)}) ${other} (${text(right)}))`),
    edit('only the left side', node, `(${text(left)})`),
    edit('only the right side', node, `(${text(right)})`),
  ];
}

function negations({ node }: Place, text: Text): readonly Edit[] {
  if (node.type !== 'UnaryExpression' || node.operator !== '!') return [];
  return [edit('negation dropped', node, `(${text(node.argument as SyntaxNode)})`)];
}

function words({ node, around }: Place): readonly Edit[] {
  if (node.type === 'MemberExpression') {
    const property = node.property as SyntaxNode;
    const to = ANSWERS.get(String(property.name));
    return (node.object as SyntaxNode).name === 'Answer' && to !== undefined ? [edit('outcome swapped', property, to, node)] : [];
  }
  if (node.type !== 'Literal' || typeof node.value !== 'string') return [];
  // What a log line says is no outcome.
  const parent = around[0];
  if (parent?.type === 'ImportDeclaration' || (parent?.type === 'Property' && (parent.key as SyntaxNode).name === 'detail')) return [];
  const outcome = OUTCOMES.get(node.value);
  if (outcome !== undefined) return [edit('outcome swapped', node, `'${outcome}'`, sentence(node, around))];
  const reason = REASONS.get(node.value);
  return reason === undefined ? [] : [edit('reason swapped', node, `'${reason}'`, sentence(node, around))];
}

/** Reason codes, by number and by name. */
function codes({ node, around }: Place, text: Text): readonly Edit[] {
  if (node.type === 'MemberExpression' && (node.object as SyntaxNode).name === 'ReasonCode') {
    const property = node.property as SyntaxNode;
    return [edit('code changed', property, property.name === 'Success' ? 'UnspecifiedError' : 'Success', sentence(node, around))];
  }
  if (node.type !== 'Literal' || typeof node.value !== 'number' || !/^0x[0-9a-f]{2}$/.test(text(node))) return [];
  return [edit('code changed', node, '0x92', sentence(node, around))];
}

function truths({ node, around }: Place): readonly Edit[] {
  if (node.type !== 'Literal' || typeof node.value !== 'boolean' || around[0]?.type === 'BinaryExpression') return [];
  return [edit('truth swapped', node, String(!node.value), sentence(node, around))];
}

/** A function that goes on where it should have ended. The last statement of a function is left alone: nothing follows it. */
function returns({ node, around }: Place, text: Text): readonly Edit[] {
  if (node.type === 'ThrowStatement') return [edit('throw dropped', node, ';')];
  if (node.type !== 'ReturnStatement') return [];
  const [block, owner] = around;
  const last = block?.type === 'BlockStatement' && (block.body as SyntaxNode[]).at(-1) === node && /Function/.test(owner?.type ?? '');
  if (last) return [];
  return [edit('return dropped', node, isNode(node.argument) ? `{ (${text(node.argument)}); }` : ';')];
}

function jumps({ node }: Place): readonly Edit[] {
  if (node.type !== 'BreakStatement' && node.type !== 'ContinueStatement') return [];
  return [edit('jump dropped', node, ';')];
}

/** What is done by the way: calls whose result nobody takes, counters, and changes of state. */
function statements({ node, around }: Place): readonly Edit[] {
  if (node.type !== 'ExpressionStatement') return [];
  const does = node.expression as SyntaxNode;
  const call = does.type === 'ChainExpression' ? (does.expression as SyntaxNode) : does;
  if (call.type === 'CallExpression') {
    return (call.callee as SyntaxNode).type === 'Super' ? [] : [edit('call dropped', node, ';')];
  }
  if (does.type === 'UpdateExpression') return [edit('assignment dropped', node, ';')];
  if (does.type !== 'AssignmentExpression' || (does.left as SyntaxNode).type !== 'MemberExpression') return [];
  // What is let go of is for the collector of garbage; nobody decides by it.
  if (does.operator === '=' && (does.right as SyntaxNode).type === 'Literal' && (does.right as SyntaxNode).value === null) return [];
  const constructing = around.some((outer) => outer.type === 'MethodDefinition' && outer.kind === 'constructor');
  return constructing ? [] : [edit('assignment dropped', node, ';')];
}

/** The statement or element around a word: alone, a word would not say where it stands. */
function sentence(node: SyntaxNode, around: readonly SyntaxNode[]): SyntaxNode {
  return around.find(({ type, start, end }) => end - start < 160 && /Expression|Property|SwitchCase|ReturnStatement|Declarat/.test(type)) ?? node;
}
