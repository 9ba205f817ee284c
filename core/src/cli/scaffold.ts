import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SDK_VERSION } from '@portcullis/sdk';
import semver from 'semver';

/** Within the package, where npm puts it. */
const TEMPLATES = fileURLToPath(new URL('../../templates/plugin/', import.meta.url));
const SUFFIX = '.tmpl';
/** npm leaves files of these names out of packages, or reads them as its own. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

const NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z](?:[a-z0-9-]*[a-z0-9])?$/;
const MAX_NAME = 64;
/** The kit is released apart from the broker, which does not depend on it; a test holds this against the kit's own version. */
const KIT_RANGE = '^0.1.0';
/** What a new plugin depends on: the word in the templates, and the tarball's name without its version. */
const TARBALLS: Readonly<Record<string, string>> = { sdk: 'portcullis-sdk', testing: 'portcullis-testing', portcullis: 'portcullis' };

/** Within a package of such a name, Node would take an import of the real one for itself. */
const TAKEN: ReadonlySet<string> = new Set(['@portcullis/sdk', '@portcullis/testing', 'portcullis']);

export interface ScaffoldOptions {
  /** Folder with tarballs of the project's packages, to be taken instead of those on the registry. */
  readonly packages?: string;
}

/**
 * Makes the package of a plugin in a folder of its name (without the scope) below `parent`. Throws an error of one line, and has written
 * nothing, when the name is not one or the folder holds something already.
 */
export async function makePlugin(name: string, parent: string, { packages }: ScaffoldOptions = {}): Promise<{ folder: string; files: string[] }> {
  if (!NAME.test(name) || name.length > MAX_NAME) {
    throw new Error(
      `"${name.slice(0, MAX_NAME)}" cannot be the name of a plugin: lower-case letters, digits and "-", a letter first; a scope may stand before it`,
    );
  }
  if (TAKEN.has(name)) throw new Error(`"${name}" is the name of a package that the plugin needs`);
  const plugin = name.slice(name.indexOf('/') + 1);
  const folder = resolve(parent, plugin);
  await requireEmpty(folder);
  const words: Record<string, string> = {
    package: name,
    plugin,
    ...(await versions(folder, packages === undefined ? null : resolve(parent, packages))),
  };
  const texts = new Map<string, string>();
  for (const entry of await readdir(TEMPLATES, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(SUFFIX)) continue;
    const path = join(entry.parentPath, entry.name);
    const bare = entry.name.slice(0, -SUFFIX.length);
    const target = join(relative(TEMPLATES, entry.parentPath), RENAMED[bare] ?? bare);
    texts.set(target, fill(await readFile(path, 'utf8'), words));
  }
  for (const [file, text] of texts) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text, { flag: 'wx' });
  }
  return { folder: relative(parent, folder) || '.', files: [...texts.keys()].map((file) => file.split(sep).join('/')).sort() };
}

async function requireEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(
      error.code === 'ENOTDIR' ? `${folder} is there already, and is no folder` : `${folder} cannot be read (${error.code ?? 'unknown error'})`,
    );
  });
  if (found.length > 0) throw new Error(`${folder} is there already, and is not empty; choose another name, or remove it`);
}

/** What goes into the manifest: ranges on the registry, or tarballs. */
async function versions(folder: string, packages: string | null): Promise<Record<string, string>> {
  if (packages === null) return { sdk: `^${SDK_VERSION}`, testing: KIT_RANGE, portcullis: `^${await ownVersion()}` };
  const files = await readdir(packages).catch(() => {
    throw new Error(`there is no folder ${packages}`);
  });
  const found: Record<string, string> = {};
  for (const [word, tarball] of Object.entries(TARBALLS)) {
    const path = relative(folder, join(packages, newest(files, tarball, packages)));
    found[word] = `file:${path.split(sep).join('/')}`;
  }
  return found;
}

function newest(files: readonly string[], tarball: string, folder: string): string {
  const name = (version: string): string => `${tarball}-${version}.tgz`;
  const there = files.flatMap((file) => {
    const version = file.startsWith(`${tarball}-`) && file.endsWith('.tgz') ? file.slice(tarball.length + 1, -'.tgz'.length) : '';
    return semver.valid(version) === version ? [version] : [];
  });
  const [last] = semver.rsort(there);
  if (last === undefined) throw new Error(`${folder} holds no ${name('<version>')}; "npm run pack" in the repository of Portcullis makes it`);
  return name(last);
}

async function ownVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  return String((manifest as { readonly version: unknown }).version);
}

/** Puts what is known into a template. One that asks for something else is a mistake of ours. */
function fill(template: string, words: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_all, word: string) => {
    const text = words[word];
    if (text === undefined) throw new Error(`a template asks for "${word}"`);
    return text;
  });
}
