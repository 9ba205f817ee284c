import { shown } from '@portcullis/sdk/tools';
import type { Writer } from '../writer.js';
import type { Editor } from './editor.js';
import type { ToolSession } from './session.js';

/**
 * Begins another history: brokers no longer hold what they find against what they have seen. The counter of the tenant is put above all versions that
 * stand in its keys, so that the next change is newer than everything.
 */
export async function restored({
  editor,
  terminal,
  tenant,
  writer,
}: ToolSession & { readonly editor: Editor; readonly writer: Writer }): Promise<void> {
  let least = 1;
  for (const key of await editor.keys(tenant)) {
    const kind = editor.layout.parse(key)?.kind;
    if (kind === 'version' || kind === 'epoch') continue;
    const version = Number((await editor.fields(key)).v);
    if (Number.isSafeInteger(version)) least = Math.max(least, version + 1);
  }
  const version = await writer.beginEpoch(tenant, least);
  terminal.out(
    `${tenant === null ? 'clients without a tenant' : `tenant ${shown(tenant)}`}: what stands in Redis counts from now on (version ${version})\n`,
  );
}
