import { shown, ToolError } from '@portcullis/sdk/tools';
import type { Fields } from '../records.js';

/** The user's fields, or the complaint that there is none. */
export function there(fields: Fields | null, name: string): Fields {
  if (fields === null) throw noUser(name);
  return fields;
}

export function noUser(name: string): ToolError {
  return new ToolError(`there is no user ${shown(name)}; user list shows them, --tenant says whose they are`);
}

export function noGroup(name: string): ToolError {
  return new ToolError(`there is no group ${shown(name)}; group add makes it`);
}
