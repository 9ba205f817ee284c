import type { Member } from './declarations.js';
import { type HookDocs, hooks, meaningOf, NEWS_HOOK_PARTS, NEWS_PARTS, partsOf, QUESTION_PARTS } from './hook-docs.js';
import { allMembers, SDK } from './sdk-source.js';

/** What the host knows of a hook: `HookSpec` of core. */
export interface HookSpec {
  readonly role: 'authority' | 'guard' | 'source' | 'observer';
  readonly sync: boolean;
  readonly asked: 'guards' | 'authenticate' | 'authorize' | 'all';
}

const MAX_COLUMNS = 150;

/** What a plugin is given besides its hooks, and what belongs to that. */
const GIVEN: readonly string[] = [
  'PluginContext',
  'PluginLog',
  'PluginStats',
  'PluginMetrics',
  'PluginTimers',
  'PublishService',
  'PluginMessage',
  'SessionsService',
  'ClientSelector',
  'ClientSummary',
  'PolicyService',
  'PolicySelector',
  'RetainedService',
  'RetainedInfo',
  'StoresService',
];

const INTRODUCTION = `# All hooks

Made from the docstrings of the SDK by \`npm run docs:hooks\`; a test compares this page with them, and each part with the host's own table. How to
write a plugin: [writing-a-plugin.md](writing-a-plugin.md). What clients see: [refusals.md](refusals.md).

A plugin taps a hook once, in \`start\`: \`hooks.authenticate.tap(async (request, decide) => …)\`, a source's as \`(request, give) => …\`, a listener's
as \`(news) => …\`, and one of enhanced authentication with the method before the handler. Requests are frozen copies. A number such as "3 / 0x88" is
the code of MQTT 3.1 and 3.1.1, then that of 5.0; "3.x" is both of the former.
`;

const ROLES: Readonly<Record<HookSpec['role'], string>> = {
  authority: '`allow`, `deny` or `skip`',
  guard: '`pass` or `deny`',
  source: 'data, or `nothing`',
  observer: 'nothing',
};

/** The page docs/hooks.md. */
export function hooksPage(specs: Readonly<Record<string, HookSpec>>): string {
  const all = hooks();
  const questions = all.filter(({ kind }) => kind !== 'news');
  const news = all.filter(({ kind }) => kind === 'news');
  return [
    INTRODUCTION,
    overview(all, specs),
    rules(),
    '## Questions\n',
    ...questions.map(question),
    '## News\n',
    newsRules(),
    ...news.map(piece),
    '## What `start` gets\n',
    ...GIVEN.map(type),
    '## Errors\n',
    ...['BackendUnavailable', 'InvalidPluginConfig'].flatMap((name) => [`### ${name}\n`, paragraphs(SDK.get(name)?.docs ?? '')]),
    '## Types\n',
    'What requests, news and answers have in common.\n',
    ...typesOf(all).map(type),
    '## Why a plugin refuses\n',
    paragraphs(SDK.get('DenyWord')?.docs ?? ''),
    paragraphs(SDK.get('DenyReason')?.docs.replace('{@link DenyWord}', 'word') ?? ''),
  ].join('\n');
}

function overview(all: readonly HookDocs[], specs: Readonly<Record<string, HookSpec>>): string {
  const rows = all.map(({ name }) => {
    const { role, sync, asked } = specs[name] ?? { role: 'observer', sync: true, asked: 'all' };
    const who = asked === 'all' ? 'all plugins' : `\`${asked}\` of the chain`;
    const when = role === 'observer' ? 'later' : sync ? 'at once' : 'at once or later';
    return `| [\`${name}\`](#${name.toLowerCase()}) | ${role} | ${answersOf(name, ROLES[role])} | ${who} | ${when} |`;
  });
  return ['| hook | role | says | who is asked | when |', '|---|---|---|---|---|', ...rows, ''].join('\n');
}

/** Two hooks of authorities have other verbs than the rest. */
function answersOf(name: string, usual: string): string {
  if (name === 'authenticateEnhanced') return '`allow`, `deny` or `continue`';
  return name === 'refreshIdentity' ? '`allow` or `deny`' : usual;
}

function rules(): string {
  const [, ...rest] = SDK.get('BrokerHooks')?.docs.split('\n\n') ?? [];
  return paragraphs(rest.join('\n\n'));
}

function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .map((paragraph) => wrapped(paragraph))
    .join('\n');
}

/** A paragraph, or with a bullet an item, in lines as long as those of the other pages. */
function wrapped(text: string, bullet = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const [place, word] of text.split(' ').entries()) {
    const longer = place === 0 ? bullet + word : `${line} ${word}`;
    // A line must not begin with what Markdown would take for something else.
    const breaks = longer.length > MAX_COLUMNS && !/^(?:[-+*#>]|\d+[.)]$)/.test(word);
    if (breaks) lines.push(line);
    line = breaks ? ' '.repeat(bullet.length) + word : longer;
  }
  lines.push(line);
  return bullet === '' ? `${lines.join('\n')}\n` : lines.join('\n');
}

function question(hook: HookDocs): string {
  const { purpose, asked, answers, nobody, units, errors, spec } = partsOf(hook.name, hook.docs, QUESTION_PARTS);
  const verbs = hook.verbs === null ? [] : allMembers(hook.verbs);
  const object = hook.verbs?.startsWith('Give') === true ? 'give' : 'decide';
  return [
    `### ${hook.name}\n`,
    wrapped(purpose),
    wrapped(asked),
    wrapped(answers, '- '),
    wrapped(nobody, '- '),
    wrapped(errors, '- '),
    wrapped(units, '- '),
    `${wrapped(spec, '- ')}\n`,
    table(`\`${hook.request}\``, allMembers(hook.request)),
    table('answer', verbs, `${object}.`),
  ].join('\n');
}

function newsRules(): string {
  const { told, answers, nobody, units, errors } = partsOf('NewsHook', SDK.get('NewsHook')?.docs ?? '', NEWS_HOOK_PARTS);
  return [told, answers, nobody, units, errors].map((part) => wrapped(part)).join('\n');
}

function piece(hook: HookDocs): string {
  const { purpose, told, units, spec } = partsOf(hook.name, hook.docs, NEWS_PARTS);
  return [
    `### ${hook.name}\n`,
    wrapped(`${purpose} ${told}`),
    wrapped(units, '- '),
    `${wrapped(spec, '- ')}\n`,
    table(`\`${hook.request}\``, allMembers(hook.request)),
  ].join('\n');
}

function table(title: string, members: readonly Member[], prefix = ''): string {
  const rows = members.flatMap((member) => rowsOf(member, prefix));
  return [`| ${title} | type | is |`, '|---|---|---|', ...rows, ''].join('\n');
}

function rowsOf(member: Member, prefix: string): string[] {
  const optional = member.type.startsWith('?') ? '?' : '';
  const signature = member.type
    .replace(/^\??:? ?/, '')
    .replace(/import\('[^']+'\)\./, '')
    .replaceAll('|', '\\|');
  const row = `| \`${prefix}${member.name}${optional}\` | \`${signature}\` | ${meaningOf(member).replaceAll('\n\n', ' ').replaceAll('|', '\\|')} |`;
  return [row, ...member.members.flatMap((inner) => rowsOf(inner, `${prefix}${member.name}.`))];
}

/** The exported types that are mentioned by requests, news and answers, directly or by one another, in alphabetical order. */
function typesOf(all: readonly HookDocs[]): readonly string[] {
  const shown = new Set(all.flatMap(({ request, verbs }) => [request, verbs ?? '']));
  const found = new Set<string>();
  const visit = (name: string): void => {
    const declaration = SDK.get(name);
    if (declaration === undefined || found.has(name)) return;
    if (!shown.has(name)) found.add(name);
    const texts = [declaration.definition, ...(declaration.kind === 'interface' ? allMembers(name) : []).flatMap(typeTexts)];
    for (const [word] of texts.join(' ').matchAll(/\b[A-Z]\w+\b/g)) if (word !== name && !shown.has(word)) visit(word);
  };
  for (const name of shown) visit(name);
  for (const name of ['Decision', 'DenyReason', 'DenyWord']) found.delete(name);
  return [...found].sort();
}

function typeTexts(member: Member): string[] {
  return [member.type, ...member.members.flatMap(typeTexts)];
}

function type(name: string): string {
  const declaration = SDK.get(name);
  if (declaration === undefined) throw new Error(`the SDK exports no ${name}`);
  const { docs, kind, definition } = declaration;
  const body = kind === 'interface' ? table('field', allMembers(name)) : `\`${definition.replace(/^\| /, '')}\`\n`;
  return [`### ${name}\n`, paragraphs(docs), body].join('\n');
}
