import type { ConnectionRoom } from './connection/index.js';
import type { Message } from './gate/index.js';
import type { Rechecks } from './rechecks.js';
import { publishMessage } from './router/index.js';
import { countDrop, type Session } from './session/index.js';

/** Publishes the will of a client that is gone, if its rights still stand. `judged` is called as soon as that is known. */
export function publishWill(room: ConnectionRoom, rechecks: Rechecks, session: Session, message: Message, judged: () => void): void {
  const { gate, stats } = room;
  const { client } = session;
  const dropped = (reason: 'not-authorized' | 'fault'): void => {
    stats.willsDropped += 1;
    countDrop(room, reason, null, session.tenant, message.topic, 1);
  };
  rechecks.confirm(client, (stands) => {
    if (!stands) {
      dropped(client.barred ? 'not-authorized' : 'fault');
      return judged();
    }
    gate.judgePublish(client, message, true, (verdict) => {
      judged();
      if (verdict.outcome !== 'route') return dropped(verdict.outcome === 'deny' ? 'not-authorized' : 'fault');
      stats.willsPublished += 1;
      session.domain.quota.pace?.take(1, gate.now());
      // Nobody waits for an acknowledgement of a will.
      publishMessage(room, session.domain, verdict.approved, session);
    });
  });
}
