import { postgresBackend } from './backend.js';
import { redisBackend } from './redis-backend.js';

/** The databases that everything here is tried with. */
export const BACKENDS = {
  postgres: { title: 'PostgreSQL', make: postgresBackend },
  redis: { title: 'Redis', make: redisBackend },
} as const;
