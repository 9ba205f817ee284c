import type { TestContext } from 'node:test';
import { freshDatabase } from '@portcullis/test-servers';
import pg from 'pg';
import { runPostgresTool } from './postgres-tool.js';
import type { Environment } from './target.js';

/** What came of a command. */
export interface Said {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the tool in this process, as somebody at a terminal who types these lines. */
export async function runTool(
  args: readonly string[],
  { env = {}, typed = [] }: { env?: Environment; typed?: readonly string[] } = {},
): Promise<Said> {
  let out = '';
  let error = '';
  const lines = [...typed];
  const status = await runPostgresTool(args, env, {
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
    secret: async () => {
      const line = lines.shift();
      return line === undefined ? null : Buffer.from(line);
    },
  });
  return { status, out, error };
}

/** The tool and a database of its own. */
export class Bench {
  readonly url: string;
  readonly db: pg.Client;

  private constructor(url: string, db: pg.Client) {
    this.url = url;
    this.db = db;
  }

  static async open(t: TestContext, { init = true } = {}): Promise<Bench> {
    const database = await freshDatabase();
    const db = new pg.Client(database.url);
    db.on('error', () => undefined);
    t.after(async () => {
      await db.end();
      await database.drop();
    });
    await db.connect();
    const bench = new Bench(database.url, db);
    if (init) await bench.done('init');
    return bench;
  }

  run(args: readonly string[], typed: readonly string[] = []): Promise<Said> {
    return runTool(args, { env: { PORTCULLIS_POSTGRES_URL: this.url }, typed });
  }

  /** A command in one text, with words that hold no blank; must be done. What it said. */
  async done(command: string): Promise<string> {
    const { status, out, error } = await this.run(command.split(' '));
    if (status !== 0) throw new Error(`${command}: ${status} ${error}`);
    return out;
  }

  /** A command that must not be done, with the status given; the one line that it said. */
  async refused(command: string | readonly string[], status = 1): Promise<string> {
    const said = await this.run(typeof command === 'string' ? command.split(' ') : command);
    if (said.status !== status || said.out !== '' || !/^portcullis-postgres: [^\n]+\n$/.test(said.error)) {
      throw new Error(`${command}: ${JSON.stringify(said)}`);
    }
    return said.error.slice('portcullis-postgres: '.length, -1);
  }

  async rows(text: string): Promise<Record<string, unknown>[]> {
    return (await this.db.query(text)).rows as Record<string, unknown>[];
  }
}
