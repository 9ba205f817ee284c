import type { Subscription } from '../router/index.js';

/** The subscriptions of a session by topic filter, and how long the filters are together. */
export class SubscriptionMap extends Map<string, Subscription> {
  /** Characters of all filters, which is about their bytes. */
  filterLength = 0;

  override set(filter: string, subscription: Subscription): this {
    if (!this.has(filter)) this.filterLength += filter.length;
    return super.set(filter, subscription);
  }

  override delete(filter: string): boolean {
    const found = super.delete(filter);
    if (found) this.filterLength -= filter.length;
    return found;
  }

  override clear(): void {
    this.filterLength = 0;
    super.clear();
  }
}
