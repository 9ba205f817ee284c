import { type Cursor, copyBytes } from './cursor.js';
import { Fault } from './faults.js';
import type { UserProperties } from './packets.js';
import { PROPERTIES, PropertyId, PropertyKind, PropertyWalk, propertyName } from './properties.js';

const NO_USER_PROPERTIES: UserProperties = Object.freeze([]);
const isNumeric = new Set(PROPERTIES.filter((row) => row.kind <= PropertyKind.VARINT).map((row) => row.id));

/** Property values of one packet off the hot path, by identifier. */
export class PropertySet {
  readonly #numbers = new Map<number, number>();
  readonly #texts = new Map<number, string>();
  readonly #binaries = new Map<number, Buffer>();
  #userProperties: Array<readonly [string, string]> | null = null;

  number<T>(id: number, absent: T): number | T {
    return this.#numbers.get(id) ?? absent;
  }

  text(id: number): string | null {
    return this.#texts.get(id) ?? null;
  }

  binary(id: number): Buffer | null {
    return this.#binaries.get(id) ?? null;
  }

  get userProperties(): UserProperties {
    return this.#userProperties ?? NO_USER_PROPERTIES;
  }

  /** Keeps the property that `walk` has just passed. */
  take(buffer: Buffer, walk: PropertyWalk): void {
    const { id } = walk;
    if (isNumeric.has(id)) {
      this.#numbers.set(id, walk.number);
    } else if (id === PropertyId.USER_PROPERTY) {
      this.#userProperties ??= [];
      this.#userProperties.push([buffer.toString('utf8', walk.start, walk.end), buffer.toString('utf8', walk.pairStart, walk.pairEnd)]);
    } else if (id === PropertyId.CORRELATION_DATA || id === PropertyId.AUTHENTICATION_DATA) {
      this.#binaries.set(id, copyBytes(buffer, walk.start, walk.end));
    } else {
      this.#texts.set(id, buffer.toString('utf8', walk.start, walk.end));
    }
  }
}

const NONE = new PropertySet();

/** Reads length and list. A fault fails the cursor; the set is then incomplete. */
export function readPropertySet(cursor: Cursor, packet: number, maxUserProperties: number): PropertySet {
  const length = cursor.varint('property length');
  if (length === 0) return NONE;
  const end = cursor.at + length;
  if (end > cursor.end) {
    cursor.fail(Fault.MALFORMED, 'property length: longer than the packet');
    return NONE;
  }
  const set = new PropertySet();
  const walk = new PropertyWalk();
  walk.begin(maxUserProperties);
  let at = cursor.at;
  while (at < end) {
    at = walk.next(cursor.buffer, at, end, packet);
    if (at < 0) {
      cursor.fail(walk.fault, `property: ${propertyName(walk.id)}`);
      return NONE;
    }
    set.take(cursor.buffer, walk);
  }
  cursor.at = end;
  return set;
}
