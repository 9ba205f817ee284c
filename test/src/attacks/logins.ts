import { connect5, connect311 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { type Attack, count, scaled } from './aim.js';
import { Line } from './line.js';

const ADDRESSES = 10;
/** More than may wait for a hash and be hashed together: the others are refused as busy, and come again at once. */
const AT_ONCE = 400;
/** CONNACK codes by the names that they are counted under, of both versions. */
const NAMES: Readonly<Record<number, string>> = { 3: 'busy', 137: 'busy', 4: 'wrong', 134: 'wrong', 0: 'accepted' };

/**
 * Wrong passwords as fast as they are refused: for a user whose hash is as slow as `portcullis-passwd` makes it, and for names that nobody has, which
 * cost the same.
 */
export const loginFlood: Attack = async (aim) => {
  let made = 0;
  const work = async (): Promise<void> => {
    while (aim.running()) {
      const index = made;
      made += 1;
      const line = await Line.open({ port: aim.port, from: `127.0.1.${1 + (index % ADDRESSES)}` });
      if (line === null) {
        count(aim, 'notLetIn');
        continue;
      }
      const fields = { clientId: `login${index}`, username: index % 2 === 0 ? 'vault' : `nobody ${index}`, password: `guess ${index}` };
      line.socket.write(fromHex(index % 3 === 0 ? connect5({ ...fields, properties: '' }) : connect311(fields)));
      while (line.received < 4 && !line.closed && aim.running()) await line.eitherWithin(1000, 'data', 'close');
      if (line.received >= 4) count(aim, NAMES[line.head[3] ?? -1] ?? `code${line.head[3]?.toString(16)}`);
      else if (aim.running()) count(aim, 'unanswered');
      line.end();
    }
  };
  await Promise.all(Array.from({ length: scaled(aim, AT_ONCE) }, work));
};
