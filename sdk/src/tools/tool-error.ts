/** What the user of a tool did wrong or cannot have: one line that says what, and what to do. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

/** A command line cannot be understood; the message is one clause. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const UNSHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A name as it may be shown: what somebody wrote into a database must not move the cursor of whoever looks at it. */
export function shown(name: string): string {
  if (name !== '' && name.search(UNSHOWN) < 0) return name;
  return JSON.stringify(name).replace(UNSHOWN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
