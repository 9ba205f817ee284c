import { type Infer, InvalidPluginConfig } from '@portcullis/sdk';
import type { CONFIG } from './config.js';

/** Options as the broker has checked them. */
export type GivenOptions = Infer<typeof CONFIG>;

/** Options with everything that was left out. */
export interface Options {
  readonly username: NonNullable<GivenOptions['username']>;
  readonly match: NonNullable<GivenOptions['match']>;
  readonly sameUser: boolean;
  readonly groups: NonNullable<GivenOptions['groups']>;
  readonly attributes: NonNullable<GivenOptions['attributes']>;
}

/** Fills in what was left out. Throws for an option that would have no effect: whoever set it believes that it has one. */
export function optionsOf({ role, username, match, sameUser, groups, attributes }: GivenOptions): Options {
  if (role === 'guard') {
    for (const [name, value] of Object.entries({ match, groups, attributes })) if (value !== undefined) throw idle(name, '"role": "authority"');
    if (username !== undefined && sameUser !== true) throw idle('username', '"role": "authority", or a guard with "sameUser": true');
  } else if (sameUser !== undefined) throw idle('sameUser', '"role": "guard"');
  const names = new Set<string>();
  for (const { name } of attributes ?? []) {
    if (names.has(name)) throw new InvalidPluginConfig(`attributes: "${name}" is given twice; give each attribute a name of its own`);
    names.add(name);
  }
  return { username: username ?? 'cn', match: match ?? 'ignore', sameUser: sameUser ?? false, groups: groups ?? [], attributes: attributes ?? [] };
}

function idle(option: string, needs: string): InvalidPluginConfig {
  return new InvalidPluginConfig(`"${option}" is of no use here: it is for ${needs}; change the role or take the option out`);
}
