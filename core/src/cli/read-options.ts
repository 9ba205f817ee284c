import { type ParseArgsConfig, parseArgs } from 'node:util';
import { errorText } from '../errors.js';

/** What commands that speak to a running broker have in common. */
export const BROKER_OPTIONS = {
  config: { type: 'string', short: 'c' },
  socket: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Known = NonNullable<ParseArgsConfig['options']>;
type Read<Options extends Known> = ReturnType<typeof parseArgs<{ args: string[]; allowPositionals: true; options: Options }>>;

/** Reads options and arguments; what is wrong with them is thrown as one clause for the user. */
export function readOptions<const Options extends Known>(argv: readonly string[], options: Options): Read<Options> {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    // Node goes on with advice about positional arguments, which helps nobody here.
    const [first = ''] = errorText(error).split(/\.\s|\n/);
    throw new Error(first.charAt(0).toLowerCase() + first.slice(1), { cause: error });
  }
}
