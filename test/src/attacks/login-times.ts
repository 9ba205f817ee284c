import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { connect311 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { Line } from './line.js';

/** How long logins took that were refused for these two reasons, in milliseconds. */
export interface LoginTimes {
  readonly wrongPassword: readonly number[];
  readonly unknownUser: readonly number[];
}

/** One user of each kind, so that each file holds hashes of one cost only. */
const HASHES: Readonly<Record<string, string>> = {
  argon2id: '$argon2id$v=19$m=19456,t=2,p=1$NACK71QHD7xxhD3Fe1hWZQ$lGFFtFHRoXLhpQ+Lw/a83tCsp1BZNhGPlM4IQ6CRhx4',
  'pbkdf2-sha512': '$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==',
};

export const HASH_KINDS = Object.keys(HASHES);

/** Logs in with wrong passwords, one after the other: a user that there is and names that there are not, in an order by chance. */
export async function timeLogins(kind: string, tries: number): Promise<LoginTimes> {
  const files = standardFiles({}, 'topic readwrite #\n', { log: { level: 'error' } });
  const broker = await BrokerProcess.start({ files: { ...files, 'data/passwords': `known:${HASHES[kind]}\n` } });
  const times = { wrongPassword: [] as number[], unknownUser: [] as number[] };
  try {
    // The first ones find nothing compiled yet.
    for (let i = 0; i < 20; i += 1) await timeOne(broker.port('local'), i % 2 === 0 ? 'known' : 'other');
    for (let i = 0; i < tries; i += 1) {
      for (const which of Math.random() < 0.5 ? (['wrongPassword', 'unknownUser'] as const) : (['unknownUser', 'wrongPassword'] as const)) {
        // Of the same length, so that nothing but what they are differs.
        const name = which === 'wrongPassword' ? 'known' : `n${String(i % 10_000).padStart(4, '0')}`;
        times[which].push(await timeOne(broker.port('local'), name));
      }
    }
  } finally {
    await broker.stop();
  }
  return times;
}

async function timeOne(port: number, username: string): Promise<number> {
  const line = await Line.open({ port });
  if (line === null) throw new Error('a login was not let in');
  const from = performance.now();
  line.socket.write(fromHex(connect311({ clientId: 'guess', username, password: `guess ${Math.random()}` })));
  while (line.received < 4 && !line.closed) await line.eitherWithin(1000, 'data', 'close');
  const took = performance.now() - from;
  if (line.head.toString('hex') !== '20020004') throw new Error(`a wrong login was answered with ${line.head.toString('hex')}`);
  line.end();
  return took;
}

/**
 * How far two sets of figures lie apart, by their ranks (Mann and Whitney), in standard deviations of what chance does to two sets of the same kind:
 * beyond 4 is chance once in 15,000 times. Outliers count no more than any other.
 */
export function rankDistance(one: readonly number[], other: readonly number[]): number {
  const all = [...one.map((value) => ({ value, isOne: true })), ...other.map((value) => ({ value, isOne: false }))].sort((a, b) => a.value - b.value);
  let ranks = 0;
  for (let at = 0; at < all.length; ) {
    let end = at;
    while (end < all.length && all[end]?.value === all[at]?.value) end += 1;
    // Equal figures share their ranks.
    for (let i = at; i < end; i += 1) if (all[i]?.isOne === true) ranks += (at + end + 1) / 2;
    at = end;
  }
  const [n, m] = [one.length, other.length];
  const expected = (n * (n + m + 1)) / 2;
  return (ranks - expected) / Math.sqrt((n * m * (n + m + 1)) / 12);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
