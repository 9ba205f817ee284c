import type { TlsEvidence } from '@portcullis/sdk';
import type { TenantLimits } from '../limits.js';
import { Mount } from './mount.js';

/** How a listener knows the tenant of a client that no plugin has given one. */
export type TenantRule =
  | { readonly by: 'name'; readonly name: string }
  /** Tenants by the server name that the client asked for, in lower case. */
  | { readonly by: 'sni'; readonly names: Readonly<Record<string, string>> }
  /** The part of the username before the first separator, or behind the last; the rest is the username. */
  | { readonly by: 'username'; readonly separator: string; readonly tenantFirst: boolean }
  /** A field of the subject of a verified certificate. */
  | { readonly by: 'certificate'; readonly field: 'CN' | 'O' | 'OU' };

/** What leaves a tenant for another. */
export interface TenantExport {
  readonly to: string;
  /** Topic filters. */
  readonly topics: readonly string[];
  /** Levels that are put before the topic, without a slash at the end; empty for none. */
  readonly under: string;
  /** Whether retained messages are retained there, too. */
  readonly retain: boolean;
}

/** What is configured for one tenant. */
export interface TenantRules {
  readonly name: string;
  /** Takes the place of the listener's; null leaves that. */
  readonly chain: string | null;
  /** On which alone it is admitted; null for all. */
  readonly listeners: readonly string[] | null;
  readonly limits: TenantLimits;
  readonly exports: readonly TenantExport[];
}

/** A listener as tenants see it. */
export interface DoorRules {
  readonly name: string;
  readonly tenant?: TenantRule | null;
  readonly mountpoint?: string;
}

interface Door {
  readonly tenant: TenantRule | null;
  readonly mount: Mount | null;
}

/** Who a client says to be, once its tenant is known. */
export interface Resolved {
  readonly tenant: string | null;
  readonly username: string | null;
}

/** Under which chain a client stands, or why it is not let in. */
export type Place = { readonly chain: string } | { readonly refused: string };

/** The tenants of one configuration generation, and the doors by which their clients come. */
export class Tenancy {
  /** Null where none are configured: then every name counts that a plugin gives. */
  readonly tenants: ReadonlyMap<string, TenantRules> | null;
  readonly #doors: ReadonlyMap<string, Door>;
  /** Whether it makes a difference by which listener a client comes. */
  readonly #matters: boolean;

  constructor(listeners: readonly DoorRules[] = [], tenants: ReadonlyMap<string, TenantRules> | null = null) {
    this.tenants = tenants;
    this.#doors = new Map(
      listeners.map(({ name, tenant = null, mountpoint = '' }) => [name, { tenant, mount: mountpoint === '' ? null : new Mount(mountpoint) }]),
    );
    this.#matters = tenants !== null || [...this.#doors.values()].some(({ mount }) => mount !== null);
  }

  /** Where the topics of a listener's clients lie; null for a listener that shows them as they are. */
  mountOf(listener: string): Mount | null {
    return this.#doors.get(listener)?.mount ?? null;
  }

  /** The tenant of a client by its listener's rule, or why it has none though the listener wants one. */
  resolve(listener: string, username: string | null, tls: TlsEvidence | null): Resolved | { readonly refused: string } {
    const door = this.#doors.get(listener);
    // Bound for a configuration that is not in force yet, or no longer is: nobody knows whom it leads to.
    if (door === undefined && this.#matters) return { refused: 'the listener is not in the configuration' };
    const rule = door?.tenant ?? null;
    if (rule === null) return { tenant: null, username };
    switch (rule.by) {
      case 'name':
        return { tenant: rule.name, username };
      case 'sni': {
        const serverName = tls?.serverName ?? '';
        const tenant = Object.hasOwn(rule.names, serverName) ? rule.names[serverName] : undefined;
        return tenant === undefined ? { refused: 'the client asked for no server name that stands for a tenant' } : { tenant, username };
      }
      case 'username':
        return split(username, rule);
      case 'certificate': {
        // Which of two it meant, nobody can tell.
        const [tenant, second] = tls?.certificate?.fields[rule.field] ?? [];
        return tenant === undefined || second !== undefined
          ? { refused: `no verified certificate names one tenant as ${rule.field}` }
          : { tenant, username };
      }
    }
  }

  /** The chain that judges clients of a tenant at a listener that leads to `chain`. */
  place(listener: string, tenant: string | null, chain: string): Place {
    if (tenant === null || this.tenants === null) return { chain };
    const rules = this.tenants.get(tenant);
    if (rules === undefined) return { refused: 'there is no such tenant' };
    if (rules.listeners !== null && !rules.listeners.includes(listener)) return { refused: 'the tenant is not admitted on this listener' };
    return { chain: rules.chain ?? chain };
  }

  /** Whether a listener still means for its clients what it meant in another configuration. */
  agrees(other: Tenancy, listener: string): boolean {
    const meaning = (door: Door | undefined): string => JSON.stringify([door?.tenant ?? null, door?.mount?.text ?? '']);
    return other === this || meaning(this.#doors.get(listener)) === meaning(other.#doors.get(listener));
  }

  /** Whether there is such a tenant; where none are configured, there is every one that a plugin names. */
  knows(tenant: string): boolean {
    return this.tenants === null || this.tenants.has(tenant);
  }

  /** Whether a tenant that `before` had, or that anybody could name, is none any more. */
  hasLost(tenant: string, before: Tenancy): boolean {
    return this.tenants === null ? before.tenants?.has(tenant) === true : !this.tenants.has(tenant);
  }
}

function split(
  username: string | null,
  { separator, tenantFirst }: TenantRule & { readonly by: 'username' },
): Resolved | { readonly refused: string } {
  const at = username === null ? -1 : tenantFirst ? username.indexOf(separator) : username.lastIndexOf(separator);
  if (username === null || at < 0) return { refused: 'the username names no tenant' };
  const [before, behind] = [username.slice(0, at), username.slice(at + separator.length)];
  const [tenant, user] = tenantFirst ? [before, behind] : [behind, before];
  return user === '' ? { refused: 'the username is empty but for the tenant' } : { tenant, username: user };
}
