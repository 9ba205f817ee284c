import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ToolError } from '@portcullis/sdk/tools';

/** A file as it was when the tool read it. */
export interface FileState {
  readonly bytes: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mark: string;
}

const MAX_BYTES = 64 * 1024 * 1024;
const PRIVATE_MODE = 0o600;
const GROUP_READ_MODE = 0o640;
const OTHERS = 0o007;

/** Reads a file that may be replaced later; null when there is none. Symbolic links are refused: the rename would replace the link. */
export async function readState(path: string): Promise<FileState | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    if (codeOf(error) === 'ELOOP') throw new ToolError(`${path}: is a symbolic link; name the file that it points to`);
    throw new ToolError(`${path}: cannot be opened (${codeOf(error)})`);
  }
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new ToolError(`${path}: is not a regular file`);
    if (info.size > MAX_BYTES) throw new ToolError(`${path}: is larger than ${MAX_BYTES} bytes`);
    return { bytes: await handle.readFile(), mode: info.mode & 0o777, uid: info.uid, gid: info.gid, mark: markOf(info) };
  } finally {
    await handle.close();
  }
}

/**
 * Puts a new content in place of a file, wholly or not at all, also when the power fails: a new file in the same folder, synchronized, then
 * moved over the old one. Owner and group stay; the mode becomes 0600 unless the old one was tighter or opened the file to its group on
 * purpose (0640, the usual way to let the broker's account read it).
 */
export async function replaceFile(path: string, content: Buffer, before: FileState | null): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, content, before);
    const now = await lstat(path).then(markOf, (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (now !== (before?.mark ?? null)) throw new ToolError(`${path}: was changed by another program meanwhile; run the command again`);
    await rename(temporary, path);
    await synchronizeFolder(folder);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error instanceof ToolError ? error : new ToolError(`${path}: cannot be written (${codeOf(error)})`);
  }
}

async function writeNew(path: string, content: Buffer, before: FileState | null): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, PRIVATE_MODE);
  try {
    if (before !== null) {
      const own = await handle.stat();
      if (own.uid !== before.uid || own.gid !== before.gid) await handle.chown(before.uid, before.gid);
      await handle.chmod(before.mode & ((before.mode & OTHERS) === 0 ? GROUP_READ_MODE : PRIVATE_MODE));
    }
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function synchronizeFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function markOf(info: { dev: number; ino: number; size: number; mtimeMs: number; ctimeMs: number }): string {
  return `${info.dev} ${info.ino} ${info.size} ${info.mtimeMs} ${info.ctimeMs}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}
