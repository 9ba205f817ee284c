/**
 * What has changed: a user, a group, the rules that everybody of a tenant has, or a tenant with all that is in it. Tenant null is that of clients without
 * one.
 */
export type Change =
  | { readonly kind: 'user' | 'group'; readonly tenant: string | null; readonly name: string }
  | { readonly kind: 'everybody' | 'tenant'; readonly tenant: string | null }
  | { readonly kind: 'all' };

/** What a notification of the schema says that is worth to be read: anybody who can connect can send one, so what has changed is never taken from it. */
export interface Announcement {
  readonly version: number;
  readonly epoch: string;
}

/** A row of the log of changes, or what a notification of one's own tables says. Null for what is none. */
export function readChange(kind: unknown, tenant: unknown, name: unknown): Change | null {
  if (typeof tenant !== 'string' || typeof name !== 'string') return null;
  const of = tenant === '' ? null : tenant;
  switch (kind) {
    case 'user':
    case 'group':
      return name === '' ? null : { kind, tenant: of, name };
    case 'everybody':
    case 'tenant':
      return { kind, tenant: of };
    case 'all':
      return { kind };
    default:
      return null;
  }
}

/** Reads `{"v": 7, "e": "…"}`, whatever else there is; null for what is anything else. */
export function readAnnouncement(payload: string): Announcement | null {
  const { v: version, e: epoch } = parseObject(payload);
  return typeof version === 'number' && Number.isSafeInteger(version) && version >= 0 && typeof epoch === 'string' ? { version, epoch } : null;
}

/** Reads `{"kind": "user", "tenant": "", "name": "bob"}` of tables of one's own; null for what is anything else. */
export function readOwnNotification(payload: string): Change | null {
  const { kind, tenant = '', name = '' } = parseObject(payload);
  return readChange(kind, tenant ?? '', name ?? '');
}

function parseObject(payload: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(payload);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
