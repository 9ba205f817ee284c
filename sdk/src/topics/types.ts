declare const topicName: unique symbol;
declare const topicFilter: unique symbol;

/** Text that was found to be a valid topic name: no wildcard, no U+0000, 1 to 65,535 bytes (5.0 and 3.1.1 section 4.7). */
export type TopicName = string & { readonly [topicName]: true };

/** Text that was found to be a valid topic filter (5.0 and 3.1.1 section 4.7), without `$share/<group>/`. */
export type TopicFilter = string & { readonly [topicFilter]: true };
