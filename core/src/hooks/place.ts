import { sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PLUGIN_ERRORS } from '@portcullis/sdk';
import { errorText } from '../errors.js';

/** Where in a plugin's code something went wrong. */
export interface Place {
  /** File below the plugin's folder, line and column: `index.js:12:40`. */
  readonly at: string;
  /** All frames of the stack, the innermost first. */
  readonly frames: readonly string[];
}

/** An error whose place is known already: told by the thread of a plugin. */
export class PlacedError extends Error {
  readonly place: Place | null;

  constructor(message: string, place: Place | null) {
    super(message);
    this.place = place;
  }
}

export const MAX_FRAMES = 10;
const MAX_FRAME = 300;
const FRAME = /^\s+at (?:.* \()?((?:file:\/\/)?\/.*):(\d+):(\d+)\)?$/;
/** What stands before the error of a module that does not parse or link. */
export const UNPARSED = /^((?:file:\/\/)?\/.*):(\d+)$/;

/** Where in the code below `root` an error was made; null when nothing tells. Never throws, and gives nothing of the error's message. */
export function placeOf(error: unknown, root: string): Place | null {
  try {
    if (error instanceof PlacedError) return error.place;
    const stack: unknown = error instanceof Error ? error.stack : null;
    if (typeof stack !== 'string') return null;
    const unparsed = error instanceof SyntaxError ? UNPARSED.exec(stack.slice(0, stack.indexOf('\n'))) : null;
    if (unparsed !== null) {
      const file = below(unparsed[1] as string, root);
      if (file !== null) return { at: `${file}:${unparsed[2]}`, frames: [] };
    }
    const frames = framesOf(stack, (error as Error).message);
    const places = frames.flatMap((frame) => {
      const [, path = '', line, column] = FRAME.exec(frame) ?? [];
      const file = path === '' ? null : below(path, root);
      return file === null ? [] : [`${file}:${line}:${column}`];
    });
    // What a package that it depends on did is told better by where the plugin called it.
    const at = places.find((place) => !place.startsWith(`node_modules${sep}`)) ?? places[0];
    return at === undefined ? null : { at, frames: frames.slice(0, MAX_FRAMES).map((frame) => frame.trim().slice(0, MAX_FRAME)) };
  } catch {
    return null;
  }
}

/** A text for the administrator with the place behind it, if there is one. */
export function withPlace(text: string, error: unknown, root: string): string {
  const place = placeOf(error, root);
  return place === null ? text : `${text} (at ${place.at})`;
}

/** Errors by which a plugin speaks to the administrator, in words that need no place. */
const MEANT: readonly unknown[] = Object.values(PLUGIN_ERRORS).map(({ code }) => code);

/** Why a plugin could not start, with the place in its code; what it says on purpose stays as it is. */
export function startText(error: unknown, root: string): string {
  const text = errorText(error);
  try {
    if (MEANT.includes((error as { readonly code?: unknown } | null)?.code)) return text;
  } catch {
    // What cannot be looked at has said nothing on purpose.
  }
  return withPlace(text, error, root);
}

/** The message comes first in a stack, and may look like frames. */
function framesOf(stack: string, message: string): string[] {
  const begin = message === '' ? 0 : stack.indexOf(message);
  const rest = begin < 0 ? stack : stack.slice(begin + message.length);
  return rest.split('\n').filter((line) => FRAME.test(line));
}

/** The path below `root`; null for a file elsewhere. */
export function below(path: string, root: string): string | null {
  const file = path.startsWith('file:') ? (path.startsWith(`${pathToFileURL(root).href}/`) ? fileURLToPath(path) : '') : path;
  return file.startsWith(root + sep) ? file.slice(root.length + 1, root.length + 1 + MAX_FRAME) : null;
}
