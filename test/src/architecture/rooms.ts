/** A room of core, and the rooms of core that it may import. Every room may import the SDK. */
interface Room {
  readonly mayImport: readonly string[];
  /** No input, no output, no time: the same arguments give the same answer. */
  readonly pure?: boolean;
}

const GROUND = 'ground floor';
const ABOVE_SESSION = [GROUND, 'hooks', 'policy', 'gate', 'store', 'router'];
const ABOVE_CONNECTION = [...ABOVE_SESSION, 'session', 'codec'];
const EVERYTHING = [...ABOVE_CONNECTION, 'connection', 'x509', 'listeners', 'config', 'control'];

/** The table of rooms. A lower room may import a higher one, never the other way round. */
export const ROOMS: Readonly<Record<string, Room>> = {
  [GROUND]: { mayImport: [] },
  codec: { mayImport: [GROUND], pure: true },
  hooks: { mayImport: [GROUND] },
  policy: { mayImport: [GROUND], pure: true },
  gate: { mayImport: [GROUND, 'hooks', 'policy'] },
  store: { mayImport: [GROUND] },
  router: { mayImport: [GROUND, 'hooks', 'policy', 'gate', 'store'] },
  session: { mayImport: ABOVE_SESSION },
  connection: { mayImport: ABOVE_CONNECTION },
  x509: { mayImport: [GROUND], pure: true },
  listeners: { mayImport: [GROUND, 'gate', 'connection', 'x509'] },
  config: { mayImport: [GROUND, 'x509'] },
  control: { mayImport: [GROUND, 'listeners'] },
  top: { mayImport: EVERYTHING },
};

/** Files of the ground floor and of the top; every other file of core stands in the folder of its room. */
const GROUND_FILES = new Set(['errors', 'limits', 'clock', 'stats', 'log', 'roster', 'secrets', 'turns']);
const TOP_FILES = new Set([
  'broker',
  'broker-status',
  'explain',
  'explain-identity',
  'explain-rules',
  'explain-tenant',
  'generation',
  'index',
  'rechecks',
  'retained-check',
  'retirement',
  'rights-line',
  'services',
  'session-admin',
  'testing',
  'wills',
]);

/** Modules of Node that reach nothing outside the process. */
export const PURE_MODULES: ReadonlySet<string> = new Set(['node:buffer', 'node:crypto', 'node:util', 'node:string_decoder']);

/** Packages that only one room may know. */
export const CONFINED_PACKAGES: ReadonlyMap<string, readonly string[]> = new Map([['tapable', ['hooks']]]);

/** Files that may import what only a running broker can name: plugins, and parts that are loaded when asked for. */
export const COMPUTED_IMPORTS: readonly RegExp[] = [/^core\/src\/hooks\//, /^core\/src\/cli\//, /^test\//];

/** Where a file lives. `room` is null for a folder of core that the table does not have. */
export interface Place {
  /** Folder of the package: `sdk`, `core`, `plugins/<name>`, `test`, `test/kit`, `test/servers`. */
  readonly folder: string;
  readonly room: string | null;
  readonly isTest: boolean;
}

/** Finds package and room of a path below the root; null when it belongs to no package. */
export function placeOf(path: string): Place | null {
  const folder = /^(?:sdk|core|plugins\/[^/]+|test\/kit|test\/servers|test)(?=\/)/.exec(path)?.[0];
  if (folder === undefined) return null;
  // `x.test.support.ts` is part of tests too; packages leave out whatever has `.test.` in its name.
  const isTest = path.includes('.test.');
  if (folder !== 'core') return { folder, room: folder, isTest };
  const inside = path.slice('core/src/'.length).split('/');
  const [first = ''] = inside;
  return { folder, room: inside.length === 1 ? roomOfFile(first) : roomOfFolder(first), isTest };
}

function roomOfFile(name: string): string | null {
  const stem = name.split('.')[0] ?? '';
  if (GROUND_FILES.has(stem)) return GROUND;
  return TOP_FILES.has(stem) ? 'top' : null;
}

function roomOfFolder(name: string): string | null {
  if (name === 'cli') return 'top';
  return Object.hasOwn(ROOMS, name) && name !== GROUND && name !== 'top' ? name : null;
}
