// One attack in a process of its own: it begins when it is told, ends after its time, and answers with what it counted.
import { constants, setPriority } from 'node:os';
import type { Aim } from './aim.js';
import { ATTACKS } from './attacks.js';

export interface AttackOrder {
  readonly name: string;
  readonly port: number;
  readonly webUrl: string;
  readonly seconds: number;
  readonly scale: number;
}

// For where the campaign could not have it run on idle processors only.
setPriority(constants.priority.PRIORITY_LOW);

process.on('message', ({ name, port, webUrl, seconds, scale }: AttackOrder) => {
  const endsAt = performance.now() + seconds * 1000;
  const aim: Aim = { port, webUrl, scale, counts: {}, running: () => performance.now() < endsAt };
  const attack = ATTACKS[name];
  (attack === undefined ? Promise.reject(new Error(`no attack ${name}`)) : attack(aim)).then(
    () => process.send?.({ answer: aim.counts }),
    (error: unknown) => process.send?.({ answer: aim.counts, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ answer: 'ready' });
