export { CountingRelay } from './counting-relay.js';
export { libraryFolders, unpackDebianPackages } from './debian-packages.js';
export { type PostgresOptions, type PostgresServer, startPostgres, type TlsFiles } from './postgres.js';
export { findPostgres, type PostgresPrograms } from './postgres-programs.js';
export { type RedisOptions, type RedisServer, SENTINEL_NAME, startRedis } from './redis.js';
export { findRedis, type RedisProgram } from './redis-programs.js';
export { freshDatabase, freshRedis, type Needs, startShared } from './shared.js';
