import { errorText } from '../errors.js';

/** Reads options with `parse`; what it throws becomes one clause for the user. */
export function readOptions<Parsed>(parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    // Node goes on with advice about positional arguments, which helps nobody here.
    const [first = ''] = errorText(error).split(/\.\s|\n/);
    throw new Error(first.charAt(0).toLowerCase() + first.slice(1), { cause: error });
  }
}
