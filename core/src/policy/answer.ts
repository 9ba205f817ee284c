/** What rules say about one topic: nothing, yes, no. */
export const Answer = { NONE: 0, ALLOW: 1, DENY: 2 } as const;
export type Answer = (typeof Answer)[keyof typeof Answer];
