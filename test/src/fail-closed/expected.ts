import type { Version } from './cells.js';
import type { MomentName } from './moments.js';

/** What a client sees, by version: its packets in hexadecimal, then whether the connection is closed or goes on. */
export type Seen = Readonly<Record<Version, string>>;

export interface Expected {
  readonly healthy: Seen;
  readonly fault: Seen;
  /** Null where nobody can deny, or where a denial cannot come before a second answer. */
  readonly denied: Seen | null;
}

const all = (seen: string): Seen => ({ '3.1': seen, '3.1.1': seen, '5.0': seen });
const seen = (v3: string, v5: string): Seen => ({ '3.1': v3, '3.1.1': v3, '5.0': v5 });

/** A CONNACK with success; its properties are not what this is about. */
export const ACCEPTED = 'accepted';
const OPEN = 'open';
const CLOSED = 'closed';
/** A copy of the message that the client is asked about, and of the one behind it. */
export const ILL_COPY = 'the copy';
export const FINE_COPY = 'the next copy';

const then = (...parts: readonly string[]): string => parts.join(' | ');

const CONNECT: Expected = {
  healthy: all(then(ACCEPTED, OPEN)),
  fault: seen(then('20 02 00 03', CLOSED), then('20 03 00 88 00', CLOSED)),
  denied: seen(then('20 02 00 05', CLOSED), then('20 03 00 8a 00', CLOSED)),
};
const LEASE: Expected = {
  healthy: all(then(ACCEPTED, OPEN)),
  fault: seen(then(ACCEPTED, CLOSED), then(ACCEPTED, 'e0 01 89', CLOSED)),
  denied: seen(then(ACCEPTED, CLOSED), then(ACCEPTED, 'e0 01 98', CLOSED)),
};
const PUBLISH_FAULT = seen(then(ACCEPTED, CLOSED), then(ACCEPTED, 'e0 01 83', CLOSED));
const PUBLISH_0: Expected = { healthy: all(then(ACCEPTED, OPEN)), fault: all(then(ACCEPTED, OPEN)), denied: all(then(ACCEPTED, OPEN)) };
const PUBLISH_1: Expected = {
  healthy: all(then(ACCEPTED, '40 02 00 05', OPEN)),
  fault: PUBLISH_FAULT,
  denied: seen(then(ACCEPTED, '40 02 00 05', OPEN), then(ACCEPTED, '40 03 00 05 87', OPEN)),
};
// The PUBREL follows in any case; after a PUBREC that refuses it is for an identifier that nobody knows.
const PUBLISH_2: Expected = {
  healthy: all(then(ACCEPTED, '50 02 00 05', '70 02 00 05', OPEN)),
  fault: PUBLISH_FAULT,
  denied: seen(then(ACCEPTED, '50 02 00 05', '70 02 00 05', OPEN), then(ACCEPTED, '50 03 00 05 87', '70 03 00 05 92', OPEN)),
};
const SUBSCRIBE: Expected = {
  healthy: seen(then(ACCEPTED, '90 04 00 07 00 00', ILL_COPY, FINE_COPY, OPEN), then(ACCEPTED, '90 05 00 07 00 00 00', ILL_COPY, FINE_COPY, OPEN)),
  fault: {
    '3.1': then(ACCEPTED, CLOSED),
    '3.1.1': then(ACCEPTED, '90 04 00 07 80 00', FINE_COPY, OPEN),
    '5.0': then(ACCEPTED, '90 05 00 07 00 80 00', FINE_COPY, OPEN),
  },
  denied: {
    '3.1': then(ACCEPTED, CLOSED),
    '3.1.1': then(ACCEPTED, '90 04 00 07 80 00', FINE_COPY, OPEN),
    '5.0': then(ACCEPTED, '90 05 00 07 00 87 00', FINE_COPY, OPEN),
  },
};
const DROPPED = seen(then(ACCEPTED, '90 03 00 07 00', FINE_COPY, OPEN), then(ACCEPTED, '90 04 00 07 00 00', FINE_COPY, OPEN));
const DELIVERY: Expected = {
  healthy: seen(then(ACCEPTED, '90 03 00 07 00', ILL_COPY, FINE_COPY, OPEN), then(ACCEPTED, '90 04 00 07 00 00', ILL_COPY, FINE_COPY, OPEN)),
  fault: DROPPED,
  denied: DROPPED,
};
/** The client is gone; whether its will is published is seen by the others. */
const WILL: Expected = { healthy: all(ACCEPTED), fault: all(ACCEPTED), denied: all(ACCEPTED) };

const never = (expected: Expected): Expected => ({ ...expected, denied: null });

/** What each moment looks like on the wire, written from the table of refusals and from nothing that the broker computes. */
export const EXPECTED: Readonly<Record<MomentName, Expected>> = {
  accept: never({ healthy: all(then(ACCEPTED, OPEN)), fault: all(CLOSED), denied: null }),
  upgrade: never({ healthy: all(then('HTTP 101', OPEN)), fault: all(then('HTTP 503', CLOSED)), denied: null }),
  tenant: never(CONNECT),
  normalize: never(CONNECT),
  admitClient: CONNECT,
  authenticate: CONNECT,
  enhanced: CONNECT,
  again: {
    healthy: all(then(ACCEPTED, 'f0 06 00 04 15 00 01 4d', OPEN)),
    fault: all(then(ACCEPTED, 'e0 01 83', CLOSED)),
    denied: all(then(ACCEPTED, 'e0 01 98', CLOSED)),
  },
  admitIdentity: CONNECT,
  policy: never(CONNECT),
  will: CONNECT,
  refresh: LEASE,
  policyLease: never(LEASE),
  publish0: PUBLISH_0,
  publish1: PUBLISH_1,
  publish2: PUBLISH_2,
  subscribe: SUBSCRIBE,
  receive: DELIVERY,
  willAgain: WILL,
  guardPublish0: never(PUBLISH_0),
  guardPublish1: never(PUBLISH_1),
  guardPublish2: never(PUBLISH_2),
  guardWill: never(WILL),
  retain1: never(PUBLISH_1),
  retain2: never(PUBLISH_2),
  delivery: never(DELIVERY),
  guardSubscribe: SUBSCRIBE,
  rewrite0: never(PUBLISH_0),
  rewrite1: never(PUBLISH_1),
  rewrite2: never(PUBLISH_2),
};
