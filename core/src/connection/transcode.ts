import { copyBytes, headerLength, writeHeader } from '../codec/index.js';
import type { AuthorizedRun } from '../gate/index.js';
import type { InFlight } from '../session/index.js';
import type { OutBuffer } from './out-buffer.js';

/**
 * Writes the messages of a run to one receiver. The bytes go on as they came where form and QoS are the same; else they are put into the
 * receiver's form. What many receivers get is made once per run and shared among them.
 */
export function writeRun(out: OutBuffer, run: AuthorizedRun, form: 3 | 5, qos: 0 | 1 | 2, inFlight: InFlight): void {
  const same = form === run.form && qos === run.qos;
  if (qos !== 0) return writeWithIds(out, run, form, qos, inFlight);
  if (same) {
    const start = run.packetStart(run.first);
    const end = run.ends[run.last - 1] as number;
    if (!run.manyReceivers || run.divided) return out.copy(run.buffer, start, end);
    run.shared ??= copyBytes(run.buffer, start, end);
    return out.shared(run.shared);
  }
  // A part of a run (a shared subscription) is written by itself; only whole runs are worth sharing.
  const slot = form === 3 ? 0 : 1;
  let bytes = run.divided ? null : (run.transcoded[slot] ?? null);
  if (bytes === null) {
    bytes = transcode(run, form);
    if (!run.divided) run.transcoded[slot] = bytes;
  }
  out.shared(bytes);
}

/** The run as QoS 0 in another form. */
function transcode(run: AuthorizedRun, form: 3 | 5): Buffer {
  let bytes = 0;
  for (let i = run.first; i < run.last; i += 1) bytes += packetLength(run, i, form, 0);
  const target = Buffer.allocUnsafe(bytes);
  let offset = 0;
  for (let i = run.first; i < run.last; i += 1) offset = writePacket(target, offset, run, i, form, 0, 0);
  return target;
}

/** [MQTT-2.2.1-4] Every message above QoS 0 has a packet identifier of its own. */
function writeWithIds(out: OutBuffer, run: AuthorizedRun, form: 3 | 5, qos: 1 | 2, inFlight: InFlight): void {
  const { buffer, last } = run;
  const topicLength = run.entry.bytes.length;
  if (form === run.form && qos === run.qos) {
    const start = run.packetStart(run.first);
    const end = run.ends[last - 1] as number;
    const target = out.reserve(end - start);
    const offset = out.offset;
    buffer.copy(target, offset, start, end);
    for (let i = run.first; i < last; i += 1) {
      // The identifier stands right before the properties (5.0) or the payload (3.x).
      const after = form === 5 ? (run.propertiesStarts[i] as number) : (run.payloadStarts[i] as number);
      const at = offset + after - start - 2;
      const id = inFlight.take(qos, null);
      target[at] = id >> 8;
      target[at + 1] = id & 0xff;
    }
    out.commit(offset + end - start);
    return;
  }
  for (let i = run.first; i < last; i += 1) {
    const target = out.reserve(packetLength(run, i, form, qos) + topicLength);
    out.commit(writePacket(target, out.offset, run, i, form, qos, inFlight.take(qos, null)));
  }
}

function propertiesLength(run: AuthorizedRun, index: number, form: 3 | 5): number {
  if (form === 3) return 0;
  return run.form === 5 ? (run.payloadStarts[index] as number) - (run.propertiesStarts[index] as number) : 1;
}

function remainingLength(run: AuthorizedRun, index: number, form: 3 | 5, qos: number): number {
  const payload = (run.ends[index] as number) - (run.payloadStarts[index] as number);
  return 2 + run.entry.bytes.length + (qos > 0 ? 2 : 0) + propertiesLength(run, index, form) + payload;
}

function packetLength(run: AuthorizedRun, index: number, form: 3 | 5, qos: number): number {
  const remaining = remainingLength(run, index, form, qos);
  return headerLength(remaining) + remaining;
}

function writePacket(target: Buffer, offset: number, run: AuthorizedRun, index: number, form: 3 | 5, qos: number, packetId: number): number {
  const topic = run.entry.bytes;
  let at = writeHeader(target, offset, 0x30 | (qos << 1), remainingLength(run, index, form, qos));
  target[at] = topic.length >> 8;
  target[at + 1] = topic.length & 0xff;
  at += 2;
  topic.copy(target, at);
  at += topic.length;
  if (qos > 0) {
    target[at] = packetId >> 8;
    target[at + 1] = packetId & 0xff;
    at += 2;
  }
  const payloadStart = run.payloadStarts[index] as number;
  if (form === 5) {
    if (run.form === 5) {
      const start = run.propertiesStarts[index] as number;
      run.buffer.copy(target, at, start, payloadStart);
      at += payloadStart - start;
    } else {
      target[at] = 0;
      at += 1;
    }
  }
  const end = run.ends[index] as number;
  run.buffer.copy(target, at, payloadStart, end);
  return at + end - payloadStart;
}
