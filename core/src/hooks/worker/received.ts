/**
 * Makes data that has crossed what it was before: frozen, and the attributes of an identity without a prototype, so that one named `constructor`
 * is found only when it is there. Bytes came as a copy already.
 */
export function frozenReceived(value: unknown, key = ''): unknown {
  // Things of one message may share parts, and then they share them here.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    const item = fields[name];
    if (typeof item === 'object' && item !== null) fields[name] = frozenReceived(item, name);
  }
  if (key === 'attributes') Object.setPrototypeOf(value, null);
  return Object.freeze(value);
}
