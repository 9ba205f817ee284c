import { type DerElement, Tag } from './der.js';

/** Longest text of a certificate that is shown, in characters. */
export const MAX_TEXT = 1024;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ASCII = /^[\x20-\x7e]*$/;

/**
 * The text that an element is, or null when it is of no type of text, or holds bytes that its type does not have. Of TeletexString only ASCII:
 * what its other bytes mean, programs do not agree on.
 */
export function textOf({ tag, content }: Pick<DerElement, 'tag' | 'content'>): string | null {
  switch (tag) {
    case Tag.UTF8_STRING:
      return utf8(content);
    case Tag.PRINTABLE_STRING:
    case Tag.IA5_STRING:
    case Tag.NUMERIC_STRING:
    case Tag.VISIBLE_STRING:
    case Tag.TELETEX_STRING:
      return asciiText(content);
    case Tag.BMP_STRING:
      return codePoints(content, 2);
    case Tag.UNIVERSAL_STRING:
      return codePoints(content, 4);
    default:
      return null;
  }
}

/** Bytes as text if all of them are ASCII and none a control character; else null. */
export function asciiText(content: Buffer): string | null {
  const text = content.toString('latin1');
  return ASCII.test(text) ? text : null;
}

function utf8(content: Buffer): string | null {
  try {
    return UTF8.decode(content);
  } catch {
    return null;
  }
}

function codePoints(content: Buffer, width: 2 | 4): string | null {
  if (content.length % width !== 0) return null;
  let text = '';
  for (let at = 0; at < content.length; at += width) {
    const point = content.readUIntBE(at, width);
    // Surrogates are no characters: two of them would become another one.
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** Whether a text can be compared and logged without a trap in it. What cannot is left out, and so identifies nobody. */
export function isPlain(text: string | null): text is string {
  return text !== null && text !== '' && text.length <= MAX_TEXT && !/[\p{Cc}\p{Cs}\ufffe\uffff\ufffd]/u.test(text);
}
