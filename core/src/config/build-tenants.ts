import { makeTenantLimits, type TenantLimits } from '../limits.js';
import { sealed } from './sealed.js';
import { usernameForm } from './tenant-checks.js';
import type { SubjectField, TenantConfig, TenantRuleConfig } from './types.js';

/** A listener's `tenant` as it stands in a file that is sound. */
export type TenantRuleEntry =
  | string
  | { readonly sni?: Readonly<Record<string, string>>; readonly username?: string; readonly certificate?: SubjectField };

/** A tenant with the schema's defaults. */
export interface TenantEntry {
  readonly chain?: string;
  readonly listeners?: readonly string[];
  readonly limits: Partial<TenantLimits>;
  readonly exports: TenantConfig['exports'];
}

export function buildTenantRule(entry: TenantRuleEntry | undefined): TenantRuleConfig | null {
  if (entry === undefined) return null;
  if (typeof entry === 'string') return { by: 'name', name: entry };
  const { sni, username, certificate } = entry;
  if (sni !== undefined) return { by: 'sni', names: sni };
  if (certificate !== undefined) return { by: 'certificate', field: certificate };
  const form = usernameForm(username ?? '');
  if (form === null) throw new TypeError('a tenant rule that is none of its kinds');
  return { by: 'username', ...form };
}

export function buildTenants(entries: Readonly<Record<string, TenantEntry>> | undefined): ReadonlyMap<string, TenantConfig> | null {
  if (entries === undefined) return null;
  return new Map(
    Object.entries(entries).map(([name, { chain = null, listeners = null, limits, exports }]) => {
      const plain = sealed({ name, chain, listeners, exports }) as Omit<TenantConfig, 'limits'>;
      return [name, Object.freeze({ ...plain, limits: makeTenantLimits(limits) })];
    }),
  );
}
