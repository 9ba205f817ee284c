import type { PluginContext } from '@portcullis/sdk';
import type { Layout } from './layout.js';
import type { TenantState } from './objects.js';
import { LostTenant } from './redis-errors.js';

/** Tenants that are remembered as lost. A stranger may be able to name one that is not there. */
const MAX_LOST = 10_000;

/**
 * Knows the tenants of which Redis has no history: no epoch, or no version. Nothing is what a server says that has lost its data, what was denied with
 * it, so it is never read as "no users and no rules": of such a tenant nobody knows anything until somebody has written again.
 */
export class LostTenants {
  readonly #context: Pick<PluginContext, 'log' | 'metrics'>;
  readonly #layout: Layout;
  readonly #lost = new Set<string | null>();

  constructor(context: Pick<PluginContext, 'log' | 'metrics'>, layout: Layout) {
    this.#context = context;
    this.#layout = layout;
  }

  has(tenant: string | null): boolean {
    return this.#lost.has(tenant);
  }

  /** Whether what was read of a tenant is a history. Says once that it is none, and once that it is one again. */
  isThere(tenant: string | null, { epoch, version }: TenantState): boolean {
    const { log, metrics } = this.#context;
    const isThere = epoch !== '' && version > 0;
    if (isThere === !this.#lost.has(tenant)) return isThere;
    if (isThere) {
      this.#lost.delete(tenant);
      log.info({ tenant }, 'Redis holds users and rights of a tenant again');
    } else if (this.#lost.size < MAX_LOST) {
      this.#lost.add(tenant);
      log.error({ tenant }, this.#problemOf(tenant));
    }
    metrics.gauge('lostTenants', this.#lost.size);
    return isThere;
  }

  /** To be thrown for a question about such a tenant. */
  fault(tenant: string | null): LostTenant {
    return new LostTenant(this.#problemOf(tenant));
  }

  #problemOf(tenant: string | null): string {
    const keys = `${this.#layout.epoch(tenant)} and ${this.#layout.version(tenant)} are not both there`;
    return (
      `${keys}: nothing was ever written, or Redis has lost its data and with it what was denied; nobody is let in until it is known. ` +
      `Restore the data, or write it again; if nothing is missing, say so with "portcullis-redis restored${tenant === null ? '' : ` --tenant ${tenant}`}"`
    );
  }
}
