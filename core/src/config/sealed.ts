/** A deep copy with ordinary prototypes: Ajv's comparison of objects calls methods on them. The parser has refused prototype keys. */
export function plainCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainCopy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainCopy(inner)]));
}

/** A deep copy, frozen, whose objects have no prototype: in a map of users, one named `constructor` must find nothing. */
export function sealed(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(sealed));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [key, inner] of Object.entries(value)) copy[key] = sealed(inner);
  return Object.freeze(copy);
}
