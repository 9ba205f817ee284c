/** What the log says of each decision. */
export const MESSAGES = {
  publish: { allow: 'publish allowed', deny: 'publish denied', fault: 'publish not judged: unavailable' },
  subscribe: { allow: 'subscription allowed', deny: 'subscription denied', fault: 'subscription not judged: unavailable' },
  receive: { allow: 'receive allowed', deny: 'receive denied', fault: 'receive not judged: unavailable' },
  refresh: { allow: 'client confirmed', deny: 'client no longer allowed', fault: 'client not confirmed: unavailable' },
} as const;

/** What a CONNECT is answered does not depend on its chain. */
export const NO_CHAIN = { denyPublish: 'acknowledge', publishFault: 'disconnect' } as const;
