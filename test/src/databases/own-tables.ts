import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import plugin from '@portcullis/plugin-postgres';
import { freshDatabase } from '@portcullis/test-servers';
import { startTestBroker, type TestBroker } from '@portcullis/testing';
import pg from 'pg';
import { ROOT } from '../documentation/sdk-source.js';

/** What stands below a heading of a page. */
export function section(page: string, heading: string): string {
  const [, found] = readFileSync(join(ROOT, 'docs', page), 'utf8').split(`\n## ${heading}\n`);
  if (found === undefined) throw new Error(`docs/${page} has no "${heading}"`);
  return found.split('\n## ')[0] ?? '';
}

/** The blocks of a language below a heading of a page; at least one. */
export function blocks(page: string, heading: string, language: string): readonly string[] {
  const found = [...section(page, heading).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  if (found.length === 0) throw new Error(`docs/${page} has no ${language} below "${heading}"`);
  return found.map(([, code = '']) => code);
}

/** The first of them. */
export function block(page: string, heading: string, language: string): string {
  return blocks(page, heading, language)[0] as string;
}

/** A database for one test, and the options by which the plugin reaches it. */
export async function emptyDatabase(t: TestContext): Promise<{ readonly db: pg.Client; readonly config: Readonly<Record<string, unknown>> }> {
  const fresh = await freshDatabase();
  const db = new pg.Client(fresh.url);
  db.on('error', () => undefined);
  await db.connect();
  t.after(async () => {
    await db.end();
    await fresh.drop();
  });
  const { hostname, port, pathname, username, password } = new URL(fresh.url);
  return {
    db,
    config: { host: hostname, port: Number(port), database: pathname.slice(1), user: username, ...(password !== '' && { password }) },
  };
}

/** A broker whose users and rights come from that database. */
export async function brokerOn(t: TestContext, config: Readonly<Record<string, unknown>>): Promise<TestBroker> {
  const { password, ...rest } = config;
  const started = await startTestBroker({
    plugin,
    config: { ...rest, ...(password !== undefined && { password: { $env: 'DATABASE_PASSWORD' } }) },
    env: { DATABASE_PASSWORD: String(password ?? '') },
    clock: 'system',
  });
  t.after(() => started.stop());
  return started;
}
