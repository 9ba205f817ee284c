import type { AuthorizedRun, Message } from '../gate/index.js';
import type { InFlight } from './in-flight.js';

/** The way out to a connected client. The connection implements it; sessions know no more of sockets. */
export interface Outlet {
  /** Whether the peer reads too slowly: QoS 0 is dropped, everything else waits. */
  readonly congested: boolean;
  /** Greatest packet the client takes; 0 for any. */
  readonly maxPacketBytes: number;
  /** Writes the messages of a run; above QoS 0 each takes its packet identifier from `inFlight`. */
  sendRun(run: AuthorizedRun, qos: 0 | 1 | 2, inFlight: InFlight): void;
  /** Writes one message. False when it is larger than the client takes: then it counts as delivered [MQTT-3.1.2-25]. */
  sendMessage(
    message: Message,
    qos: 0 | 1 | 2,
    retain: boolean,
    dup: boolean,
    /** 0 for QoS 0. */
    packetId: number,
    subscriptionIds: readonly number[] | null,
  ): boolean;
  sendPubrel(packetId: number): void;
  /**
   * Takes back what the kernel has not been given: messages whose topic may not leave any more. `recalled` hears of each, with packet identifier 0
   * for QoS 0. Where such a message is beyond recall the connection ends at once, and the answer is false.
   */
  recall(may: (topic: string) => boolean, recalled: (topic: string, packetId: number, dup: boolean) => void): boolean;
  /** Ends the connection with a reason code of 5.0. */
  end(reasonCode: number, detail: string): void;
}
