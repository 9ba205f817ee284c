import { ToolError } from '@portcullis/sdk/tools';
import { Cluster, type Redis } from 'ioredis';
import type { Layout, ObjectKind } from '../layout.js';
import { decodeGroup, decodeUser, type Fields, MAX_OBJECT_BYTES } from '../records.js';
import { asUnavailable, MalformedObject } from '../redis-errors.js';
import { Conflict, type Writer } from '../writer.js';

/** A key's object: its fields as they stand, checked. */
export interface Standing {
  /** Null for one that is not there, or was deleted. */
  readonly fields: Fields | null;
  /** What stands in `v`, for a write that nobody else has come before. */
  readonly raw: string | null;
}

type NamedKind = Exclude<ObjectKind, 'epoch'>;

const ATTEMPTS = 5;
const SCAN_COUNT = '1000';

/** Reads objects, changes them without losing what somebody else writes at the same time, and finds the keys of a tenant. */
export class Editor {
  readonly layout: Layout;
  readonly #client: Redis | Cluster;
  readonly #writer: Writer;

  constructor(client: Redis | Cluster, layout: Layout, writer: Writer) {
    this.#client = client;
    this.layout = layout;
    this.#writer = writer;
  }

  /** Fields of a hash, {} where no key is. */
  async fields(key: string): Promise<Fields> {
    try {
      return await this.#client.hgetall(key);
    } catch (error) {
      throw asUnavailable(error, key);
    }
  }

  /** What stands in a key of text; null where no key is. */
  async text(key: string): Promise<string | null> {
    try {
      return await this.#client.get(key);
    } catch (error) {
      throw asUnavailable(error, key);
    }
  }

  /** The object; throws MalformedObject when it is not what the layout says. */
  async read(kind: NamedKind, tenant: string | null, name: string): Promise<Standing> {
    const key = this.layout.object(kind, tenant, name);
    const fields = await this.fields(key);
    if (Object.keys(fields).length === 0) return { fields: null, raw: null };
    const record = kind === 'user' ? decodeUser(key, fields) : decodeGroup(key, fields);
    return 'deleted' in record ? { fields: null, raw: null } : { fields, raw: fields.v ?? null };
  }

  /**
   * Changes an object: `edit` gets its fields (null for one that is not there) and gives those to write, without `v`; null deletes it. Somebody else's
   * write in between begins it anew. Gives the version.
   */
  async change(
    kind: NamedKind,
    tenant: string | null,
    name: string,
    edit: (fields: Fields | null) => Fields | null | Promise<Fields>,
  ): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      const { fields, raw } = await this.read(kind, tenant, name);
      const next = await edit(fields);
      const { v, ...written } = next ?? {};
      requireRoom(written);
      try {
        return await this.#writer.write({ kind, tenant, name, expected: raw, fields: next === null ? null : written });
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        if (attempt === ATTEMPTS) throw new ToolError('others change the same object all the time; try again');
      }
    }
  }

  /** Deletes a user as it stands, also one that is malformed. Gives the version, or null when it is not there. */
  async remove(kind: NamedKind, tenant: string | null, name: string): Promise<number | null> {
    const fields = await this.fields(this.layout.object(kind, tenant, name));
    if (Object.keys(fields).length === 0 || (fields.deleted !== undefined && fields.hash === undefined)) return null;
    const expected = fields.deleted === undefined ? (fields.v ?? null) : null;
    return await this.#writer.write({ kind, tenant, name, expected, fields: null });
  }

  /** Keys of a tenant, or of all of them (undefined), that the layout knows. */
  async keys(tenant?: string | null): Promise<readonly string[]> {
    const found = new Set<string>();
    const nodes = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
    for (const node of nodes) {
      let cursor = '0';
      do {
        let keys: string[];
        try {
          [cursor, keys] = await node.scan(cursor, 'MATCH', this.layout.scanPattern(tenant), 'COUNT', SCAN_COUNT);
        } catch (error) {
          throw asUnavailable(error, 'Redis');
        }
        for (const key of keys) if (this.layout.parse(key) !== null) found.add(key);
      } while (cursor !== '0');
    }
    return [...found].sort();
  }

  /** Names of users or groups of a tenant that are there. */
  async names(kind: 'user' | 'group', tenant: string | null): Promise<readonly string[]> {
    const names: string[] = [];
    for (const key of await this.keys(tenant)) {
      const parsed = this.layout.parse(key);
      if (parsed?.kind === kind) names.push(parsed.name);
    }
    return names;
  }
}

function requireRoom(fields: Fields): void {
  const bytes = Object.values(fields).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes > MAX_OBJECT_BYTES) throw new MalformedObject(`the object would be larger than ${MAX_OBJECT_BYTES} bytes, and no broker would read it`);
}
