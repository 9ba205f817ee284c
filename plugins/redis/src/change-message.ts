import { parseStrictJson } from '@portcullis/sdk';
import { nameProblem, type ObjectKind } from './layout.js';

/** Largest message on the channel that is read, in bytes; a name may be escaped. */
const MAX_MESSAGE_BYTES = 16_384;

/** A change, as it is published in the transaction that makes it. */
export interface Change {
  /** Version of the tenant that this change made. */
  readonly version: number;
  readonly kind: ObjectKind;
  /** Null for clients without a tenant. */
  readonly tenant: string | null;
  /** Of the user or group; '' for the others. */
  readonly name: string;
}

/** Kinds that a message may be of; `probe` is sent by `portcullis-redis check`, and concerns nobody. */
const KINDS: ReadonlySet<string> = new Set(['user', 'group', 'everybody', 'epoch']);

/** Reads a message of the channel: the change, `probe`, or null for what is neither. */
export function readChange(message: string): Change | 'probe' | null {
  if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) return null;
  let value: unknown;
  try {
    value = parseStrictJson(message);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { v, kind, tenant, name } = value as Record<string, unknown>;
  if (kind === 'probe') return 'probe';
  if (typeof kind !== 'string' || !KINDS.has(kind) || !isVersion(v)) return null;
  if (typeof tenant !== 'string' || typeof name !== 'string') return null;
  const named = kind === 'user' || kind === 'group';
  if (named ? nameProblem(name) !== null : name !== '') return null;
  return { version: v, kind: kind as ObjectKind, tenant: tenant === '' ? null : tenant, name };
}

export function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
