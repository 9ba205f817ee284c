export { AtOnce } from './at-once.js';
export * from './decode.js';
export * from './group-templates.js';
export { KeyedDigest } from './keyed-digest.js';
export { type Leased, LeasedCache, type LeasedCacheOptions, type Load, type Loading } from './leased-cache.js';
export { type AnswerStanding, type Observation, SourceVersions } from './source-versions.js';
export { parseStrictJson } from './strict-json.js';
export { VouchedUsers, type VouchedUsersOptions } from './vouched-users.js';
