import { fileURLToPath } from 'node:url';

const SDK = fileURLToPath(new URL('../../../sdk/dist/index.js', import.meta.url));

/** What the witness has seen, as counters of its first entry. */
export interface Testimony {
  /** CONNECTs that it let in, or refused for their password. */
  readonly judged: number;
  /** CONNECTs of which different generations judged a part. */
  readonly mixed: number;
  /** Questions that came to a generation that was never in force. */
  readonly strays: number;
  /** Starts of the plugin, and those of them that something still holds on to, after the garbage has been collected. */
  readonly started: number;
  readonly alive: number;
  /** Starts that have not been disposed of. */
  readonly open: number;
  readonly heapBytes: number;
}

/**
 * A plugin that takes part in every step of a CONNECT, most of them after a while, and remembers which generation was asked. Its module is one for
 * all generations, so that what it keeps there outlives them. The same goes for what it makes of `authorize`.
 */
export const WITNESS = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { definePlugin } from ${JSON.stringify(SDK)};

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc');
const totals = { judged: 0, mixed: 0, strays: 0, started: 0, ended: 0, open: 0 };
const graves = new FinalizationRegistry(() => { totals.ended += 1; });
/** By client identifier, the generation that was asked first about its CONNECT. */
const judging = new Map();
const turn = () => new Promise((resolve) => setImmediate(resolve));

export default definePlugin({
  name: 'witness', sdk: '^1.0.0',
  decides: { authenticate: ['allow', 'deny'], authorize: ['skip'] },
  config: {
    type: 'object', additionalProperties: false, required: ['generation'],
    properties: { generation: { type: 'integer' }, sound: { type: 'boolean', default: true }, hook: { type: 'string' } },
  },

  async start({ name, hooks, metrics, timers, onDispose, onReload }, { generation, sound, hook }) {
    const held = { generation, ballast: new Array(10_000).fill(generation) };
    graves.register(held, generation);
    totals.started += 1;
    totals.open += 1;
    onDispose(() => { totals.open -= 1; });
    if (hook !== undefined) hooks[hook].tap(() => {});
    const saw = (id) => {
      if (!sound) totals.strays += 1;
      const first = judging.get(id);
      if (first === undefined) judging.set(id, held.generation);
      else if (first !== held.generation) totals.mixed += 1;
    };
    const later = (milliseconds) => new Promise((resolve) => timers.after(milliseconds, resolve));
    hooks.admitClient.tap(async ({ client }, decide) => { saw(client.id); await later(1); return decide.pass(); });
    hooks.authenticate.tap(async ({ client, credentials }, decide) => {
      saw(client.id);
      await later(10);
      totals.judged += 1;
      if (credentials.equals('secret')) return decide.allow({ identity: { username: credentials.username } });
      judging.delete(client.id);
      return decide.deny('bad-credentials');
    });
    hooks.admitIdentity.tap(async ({ client }, decide) => { saw(client.id); await later(1); return decide.pass(); });
    hooks.loadPolicy.tap(async ({ client, reason }, give) => {
      if (reason === 'connect') saw(client.id);
      await later(5);
      // The last step of a CONNECT; what one of two sources forgets, the other has seen.
      if (reason === 'connect' && name === 'first') judging.delete(client.id);
      return give.policy({ version: 1, rules: [{ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: 't/#', from: 'witness' }] });
    });
    hooks.authorize.tap(async (_request, decide) => { await later(2); return decide.skip(); });
    if (name === 'first') onReload(async () => {
      for (let i = 0; i < 10; i += 1) { collect(); await turn(); }
      const { judged, mixed, strays, started, ended, open } = totals;
      const seen = { judged, mixed, strays, started, open, alive: started - ended, heapBytes: process.memoryUsage().heapUsed };
      for (const [key, value] of Object.entries(seen)) metrics.gauge(key, value);
    });
    await later(1);
    if (!sound) throw new Error('this generation was never to be');
  },
});
`;
