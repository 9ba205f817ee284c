import type { Member } from './declarations.js';
import { allMembers, SDK } from './sdk-source.js';

/** The parts of a hook's docstring, one paragraph each, in this order. */
export const QUESTION_PARTS = ['purpose', 'asked', 'answers', 'nobody', 'units', 'errors', 'spec'] as const;
/** News has no answers and no way to fail: those parts stand with `NewsHook`, for all of them. */
export const NEWS_PARTS = ['purpose', 'told', 'units', 'spec'] as const;
export const NEWS_HOOK_PARTS = ['purpose', 'told', 'answers', 'nobody', 'units', 'errors', 'spec'] as const;
export type Part = (typeof QUESTION_PARTS)[number] | 'told';

/** How the paragraph of each part begins. */
const BEGINNINGS: Readonly<Record<Part, RegExp>> = {
  purpose: /^[A-Z][a-z]+s\b.*\.$/,
  asked: /^Asked of /,
  told: /^Told /,
  answers: /^(?:[A-Z][a-z]+(?:, [a-z]+)*(?: and [a-z]+)?(?:: | are folded )|There are no answers: )/,
  nobody: /^Nobody (?:answers|listens)/,
  units: /^Units: /,
  errors: /^Errors: /,
  spec: /^Spec: /,
};

export interface HookDocs {
  readonly name: string;
  readonly kind: 'question' | 'synchronous' | 'enhanced' | 'news';
  /** Interface of what the handler gets: a request or news. */
  readonly request: string;
  /** Interface of the verbs; null for news. */
  readonly verbs: string | null;
  readonly docs: string;
}

/** Every hook, in the order in which the SDK declares them. */
export function hooks(): readonly HookDocs[] {
  return allMembers('BrokerHooks').map(hookOf);
}

function hookOf({ name, type, docs }: Member): HookDocs {
  const [, kind = '', request = '', verbs] = /^: (\w+)(?:<(\w+)(?:, (\w+))?>)?$/.exec(type) ?? [];
  switch (kind) {
    case 'QuestionHook':
      return { name, kind: 'question', request, verbs: verbs ?? null, docs };
    case 'SyncQuestionHook':
      return { name, kind: 'synchronous', request, verbs: verbs ?? null, docs };
    case 'AuthorityHook':
      return { name, kind: 'question', request, verbs: 'Decide', docs };
    case 'EnhancedHook':
      return { name, kind: 'enhanced', request: 'AuthenticateEnhancedRequest', verbs: 'DecideEnhanced', docs };
    case 'NewsHook':
      return { name, kind: 'news', request, verbs: null, docs };
    default:
      throw new Error(`${name} is a hook of an unknown kind: ${type}`);
  }
}

/** Splits a docstring into its parts; says which one is missing or out of place by throwing. */
export function partsOf<Name extends Part>(owner: string, docs: string, expected: readonly Name[]): Readonly<Record<Name, string>> {
  const paragraphs = docs.split('\n\n');
  const found: Partial<Record<Name, string>> = {};
  for (const [place, part] of expected.entries()) {
    const paragraph = paragraphs[place] ?? '';
    if (!BEGINNINGS[part].test(paragraph)) {
      throw new Error(`${owner}: paragraph ${place + 1} of its docstring should be the part "${part}", but is: ${paragraph.slice(0, 80)}`);
    }
    found[part] = paragraph;
  }
  if (paragraphs.length > expected.length) throw new Error(`${owner}: its docstring has a paragraph too many: ${paragraphs[expected.length]}`);
  return found as Record<Name, string>;
}

/** Numbers that a hook's handler is handed or may answer with, by name, without those of types that have docs of their own. */
export function numbersOf(hook: HookDocs): readonly string[] {
  const own = allMembers(hook.request).filter(({ type }) => isNumber(type));
  const grants = (hook.verbs === null ? [] : allMembers(hook.verbs)).flatMap(({ type }) => {
    const named = /(\w+(?:Grant|Patch))\b/.exec(type)?.[1];
    const inline = [...type.matchAll(/(\w+)\??: (?:number|0 \| 1)/g)].map(([, name = '']) => name);
    return [
      ...inline,
      ...(named === undefined
        ? []
        : allMembers(named)
            .filter((member) => isNumber(member.type))
            .map(({ name }) => name)),
    ];
  });
  return [...new Set([...own.map(({ name }) => name), ...grants])];
}

function isNumber(type: string): boolean {
  return /^\??: (?:number|0 \| 1)/.test(type) && !type.includes('string');
}

/** What a member means: its own docs, or those of the type that it has. */
export function meaningOf(member: Member): string {
  if (member.docs !== '') return member.docs;
  const named = /^\??: (?:readonly )?(\w+)/.exec(member.type)?.[1] ?? '';
  return SDK.get(named)?.docs.split('\n\n')[0] ?? '';
}
