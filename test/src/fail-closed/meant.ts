import type { Which } from './moments.js';

// Copied out of the repository with the faulty plugin, as `moments.ts`.

/** The last level of topics and filters that are to fail; others of the same client are judged well. */
export const ILL = '/ill';

/** Whether this question of a client is the one that is to fail. `wills` counts those about its will, this one included. */
export function isMeant(which: Which, request: Readonly<Record<string, unknown>>, wills: number): boolean {
  const { message, topic, filter, action, reason, reauthentication } = request;
  const about = (message as { topic: string } | undefined)?.topic ?? topic ?? filter;
  if (typeof about === 'string' && !about.endsWith(ILL)) return false;
  switch (which) {
    case 'every':
      return true;
    case 'publish':
    case 'subscribe':
    case 'receive':
      return action === which;
    case 'will':
      return wills === 1;
    case 'will again':
      return wills === 2;
    case 'again':
      return reauthentication === true;
    case 'lease':
      return reason === 'lease';
  }
}
