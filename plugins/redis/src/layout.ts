/** What a change concerns: one user, one group, the rules of everybody, or the whole tenant after a restore. */
export type ObjectKind = 'user' | 'group' | 'everybody' | 'epoch';

export const DEFAULT_PREFIX = 'portcullis';
/** What a prefix may be: nothing of it can begin a hash tag or be taken for a pattern. */
export const PREFIX_PATTERN = '^[A-Za-z0-9_.:-]{1,64}$';
/** Longest name of a user or group, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 1024;

/** Stands for clients without a tenant: no tenant has this name, since names of tenants begin with a letter. */
const NO_TENANT = '-';
const TENANT_AND_REST = /^:\{(-|[A-Za-z][A-Za-z0-9_.-]{0,63})\}:(.*)$/s;
const PLAIN = /^[A-Za-z0-9_.-]$/;
const ENCODED = /^(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+$/;

/**
 * Names of keys. A tenant's keys share one hash tag, so that a cluster keeps them in one slot and one transaction can write them. Different
 * (tenant, kind, name) have different keys, whatever the names hold: see `encodeName`.
 */
export class Layout {
  readonly prefix: string;
  /** Channel on which every change is published. */
  readonly channel: string;

  constructor(prefix: string) {
    if (!new RegExp(PREFIX_PATTERN).test(prefix)) throw new RangeError('a prefix is 1 to 64 letters, digits, "_", ".", ":" or "-"');
    this.prefix = prefix;
    this.channel = `${prefix}:changes`;
  }

  user(tenant: string | null, username: string): string {
    return `${this.#of(tenant)}user:${encodeName(username)}`;
  }

  group(tenant: string | null, name: string): string {
    return `${this.#of(tenant)}group:${encodeName(name)}`;
  }

  everybody(tenant: string | null): string {
    return `${this.#of(tenant)}everybody`;
  }

  version(tenant: string | null): string {
    return `${this.#of(tenant)}version`;
  }

  epoch(tenant: string | null): string {
    return `${this.#of(tenant)}epoch`;
  }

  /** Key of an object that can change. */
  object(kind: 'user' | 'group' | 'everybody', tenant: string | null, name: string): string {
    if (kind === 'everybody') return this.everybody(tenant);
    return kind === 'user' ? this.user(tenant, name) : this.group(tenant, name);
  }

  /** Pattern for SCAN of the keys of a tenant, or (undefined) of all; holds nothing that a user chose. */
  scanPattern(tenant?: string | null): string {
    // In a pattern of Redis neither braces nor what a prefix or the name of a tenant may hold are special.
    return tenant === undefined ? `${this.prefix}:{*` : `${this.#of(tenant)}*`;
  }

  /** What a key is; null for one that is none of the layout. */
  parse(key: string): { readonly tenant: string | null; readonly kind: ObjectKind | 'version'; readonly name: string } | null {
    if (!key.startsWith(`${this.prefix}:{`)) return null;
    const [, tag = '', rest = ''] = TENANT_AND_REST.exec(key.slice(this.prefix.length)) ?? [];
    if (tag === '') return null;
    const tenant = tag === NO_TENANT ? null : tag;
    if (rest === 'everybody' || rest === 'version' || rest === 'epoch') return { tenant, kind: rest, name: '' };
    const kind = rest.startsWith('user:') ? 'user' : rest.startsWith('group:') ? 'group' : null;
    const name = kind === null ? null : decodeName(rest.slice(kind.length + 1));
    return kind === null || name === null ? null : { tenant, kind, name };
  }

  #of(tenant: string | null): string {
    return `${this.prefix}:{${tenant ?? NO_TENANT}}:`;
  }
}

/**
 * Writes a name with letters, digits, `_`, `.`, `-` and `%` only: every other byte of its UTF-8 becomes `%` and two capital hexadecimal digits.
 * Different names have different codes; no code holds a colon, a blank, a line end, or what patterns of Redis are made of.
 */
export function encodeName(name: string): string {
  let text = '';
  for (const byte of Buffer.from(name, 'utf8')) {
    const character = String.fromCharCode(byte);
    text += PLAIN.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** The name that `encodeName` writes so; null for what it never writes. */
export function decodeName(code: string): string | null {
  if (!ENCODED.test(code)) return null;
  const bytes: number[] = [];
  for (let at = 0; at < code.length; at++) {
    if (code[at] !== '%') bytes.push(code.charCodeAt(at));
    else {
      bytes.push(Number.parseInt(code.slice(at + 1, at + 3), 16));
      at += 2;
    }
  }
  const name = Buffer.from(bytes).toString('utf8');
  return encodeName(name) === code ? name : null;
}

/** Why a text cannot be the name of a user or group here; null when it can. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'is empty';
  if (name.includes('\0')) return 'holds U+0000';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`;
  return Buffer.from(name, 'utf8').toString('utf8') === name ? null : 'holds half of a surrogate pair';
}
