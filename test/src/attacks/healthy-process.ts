// The healthy clients in a process of their own: told over IPC what to do, and answering with figures.
import { HealthyPairs } from './healthy-pairs.js';

export type HealthyOrder = { readonly kind: 'connect'; readonly port: number; readonly perSecond: number } | { readonly kind: 'take' | 'finish' };

let pairs: HealthyPairs | null = null;

async function obey(order: HealthyOrder): Promise<unknown> {
  if (order.kind === 'connect') {
    pairs = await HealthyPairs.connect(order.port);
    pairs.pace(order.perSecond);
    return null;
  }
  if (pairs === null) throw new Error('not connected');
  if (order.kind === 'take') return pairs.take();
  pairs.pause();
  // What is on its way still comes, or is missing.
  for (let i = 0; i < 100 && pairs.health.came < pairs.health.sent; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  const { health } = pairs;
  pairs.end();
  return health;
}

process.on('message', (order: HealthyOrder) => {
  obey(order).then(
    (answer) => process.send?.({ answer }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
