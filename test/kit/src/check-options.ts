const KNOWN = ['plugin', 'plugins', 'config', 'entries', 'chain', 'document', 'env', 'files', 'clock', 'logLevel'];

/**
 * Throws a TypeError for an option that nobody would look at: misspelt, it would leave the test without what it was to give. `more` are further
 * ones.
 */
export function checkOptions(options: object, more: readonly string[] = []): void {
  const known = [...KNOWN, ...more];
  const unknown = Object.keys(options ?? {}).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no option ${JSON.stringify(unknown)}; there are ${known.join(', ')}`);
}
