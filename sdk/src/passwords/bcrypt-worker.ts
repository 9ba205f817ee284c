import { parentPort } from 'node:worker_threads';
import { hashSync } from 'bcryptjs';

export interface BcryptTask {
  readonly password: string;
  readonly cost: number;
  /** 22 characters of bcrypt's alphabet. */
  readonly salt: string;
}

const SALT_END = 29;

parentPort?.on('message', ({ password, cost, salt }: BcryptTask) => {
  const text = hashSync(password, `$2b$${String(cost).padStart(2, '0')}$${salt}`);
  parentPort?.postMessage(text.slice(SALT_END));
});
