import type { ConnectionRoom } from './connection/index.js';
import type { GateClient, Message } from './gate/index.js';
import type { Rechecks } from './rechecks.js';
import { publishMessage } from './router/index.js';
import { countDrop, type Session } from './session/index.js';

/** How often a will is judged anew because the rights of its client changed while it was. */
const MAX_RESTARTS = 3;

/** Publishes the will of a client that is gone, if its rights still stand. `judged` is called as soon as that is known. */
export function publishWill(room: ConnectionRoom, rechecks: Rechecks, session: Session, message: Message, judged: () => void): void {
  judge(room, rechecks, session, session.client, message, judged, MAX_RESTARTS);
}

function judge(
  room: ConnectionRoom,
  rechecks: Rechecks,
  session: Session,
  client: GateClient,
  message: Message,
  judged: () => void,
  restarts: number,
): void {
  const { gate, stats } = room;
  const dropped = (reason: 'not-authorized' | 'fault'): void => {
    stats.willsDropped += 1;
    countDrop(room, reason, null, session.tenant, message.topic, 1);
  };
  rechecks.confirm(client, (stands) => {
    if (!stands) {
      rechecks.away.judged(client);
      dropped(client.barred ? 'not-authorized' : 'fault');
      return judged();
    }
    gate.judgePublish(client, message, true, (verdict) => {
      const isCurrent = rechecks.away.judged(client);
      if (verdict.outcome === 'route' && !isCurrent && restarts > 0) {
        return judge(room, rechecks, session, client, message, judged, restarts - 1);
      }
      judged();
      if (verdict.outcome !== 'route') return dropped(verdict.outcome === 'deny' ? 'not-authorized' : 'fault');
      if (!isCurrent) return dropped('fault');
      stats.willsPublished += 1;
      session.domain.quota.pace?.take(1, gate.now());
      // Nobody waits for an acknowledgement of a will.
      publishMessage(room, session.domain, verdict.approved, session);
    });
  });
}
