import { isTopicName } from '@portcullis/sdk';
import { Message } from './message.js';
import type { ApprovedMessage } from './publish-gate.js';
import type { TenantExport } from './tenancy.js';

/** What a topic is called in the tenant that it is exported to. */
export function exportedTopic(topic: string, under: string): string {
  return under === '' ? topic : `${under}/${topic}`;
}

/**
 * A message that the gate let through, as it goes on to another tenant; null when its topic would be longer than a topic can be. There it is
 * nobody's: the names of clients and users of its own tenant say nothing, or something else, in the other.
 */
export function exportedMessage(
  { message, retain }: ApprovedMessage,
  from: string,
  { under, retain: mayRetain }: TenantExport,
): ApprovedMessage | null {
  const topic = exportedTopic(message.topic, under);
  if (!isTopicName(topic)) return null;
  const exported = new Message({
    topic,
    topicBytes: Buffer.from(topic, 'utf8'),
    payload: message.payload,
    qos: message.qos,
    retain: retain && mayRetain,
    properties: message.properties,
    expiresAt: message.expiresAt,
    publisherClientId: `tenant/${from}`,
    publisher: `tenant/${from}`,
    foreign: true,
  });
  return { message: exported, retain: exported.retain } as ApprovedMessage;
}
