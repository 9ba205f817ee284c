/** What a fault proxy does. `pass` is the healthy backend. */
export type FaultMode =
  /** Everything goes through. */
  | { readonly kind: 'pass' }
  /** Nobody listens; connections that stand are reset. */
  | { readonly kind: 'refuse' }
  /** Connections are accepted and stand, but no byte goes through in either direction until another mode is set. */
  | { readonly kind: 'blackhole' }
  /** Answers trickle: so many bytes in a millisecond, fractions allowed. */
  | { readonly kind: 'slow'; readonly bytesPerMs: number }
  /** After so many bytes of answers from now on, or from the beginning of a new connection, the connection is reset. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** The same, but the connection ends in good order, in the middle of what was said. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Every byte of answers is replaced by another one, always the same ones in a row. */
  | { readonly kind: 'garbage' };

/** A mode, or the name of one that needs no number. */
export type FaultModeLike = FaultMode | 'pass' | 'refuse' | 'blackhole' | 'garbage';

/** Throws a TypeError for what is no mode. */
export function faultMode(given: FaultModeLike): FaultMode {
  const mode: FaultMode = typeof given === 'string' ? { kind: given } : given;
  switch (mode.kind) {
    case 'pass':
    case 'refuse':
    case 'blackhole':
    case 'garbage':
      return mode;
    case 'slow':
      if (!(Number.isFinite(mode.bytesPerMs) && mode.bytesPerMs > 0)) throw new TypeError('slow needs bytesPerMs, a number above 0');
      return mode;
    case 'reset':
    case 'truncate':
      if (!(Number.isInteger(mode.afterBytes) && mode.afterBytes >= 0))
        throw new TypeError(`${mode.kind} needs afterBytes, a whole number from 0 on`);
      return mode;
    default:
      throw new TypeError(`unknown fault mode ${JSON.stringify(given)}`);
  }
}
