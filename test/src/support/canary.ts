import { randomInt } from 'node:crypto';

const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789+/="\'\\% &é';
const LENGTH = 28;
/** So many characters in a row are no chance. */
const WINDOW = 8;

/** A secret that is nowhere else, of characters that encoders treat differently. */
export function canary(): string {
  let text = '';
  for (let i = 0; i < LENGTH; i += 1) text += ALPHABET[randomInt(ALPHABET.length)];
  // Neither beginning nor end is a blank, which some reader might take away.
  return `c${text}y`;
}

/** Where a piece of the secret can be read in a text, plain or decoded from what programs encode with; null where nowhere. */
export function findCanary(text: string, secret: string): string | null {
  const windows = Array.from({ length: secret.length - WINDOW + 1 }, (_, at) => secret.slice(at, at + WINDOW));
  for (const [how, decoded] of decodings(text)) {
    const found = windows.find((window) => decoded.includes(window));
    if (found !== undefined) return `${how}: …${around(decoded, found)}…`;
  }
  return null;
}

function around(text: string, found: string): string {
  const at = text.indexOf(found);
  return text.slice(Math.max(0, at - 60), at + 60);
}

function* decodings(text: string): Generator<readonly [how: string, text: string]> {
  yield ['as it is', text];
  for (let times = 1, unescaped = text; times <= 3; times += 1) {
    unescaped = unescaped
      .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(/\\(["'\\/])/g, '$1');
    yield [`escaped ${times} times`, unescaped];
  }
  const percent = text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
  yield ['in an address', percent];
  yield ['in a form', percent.replaceAll('+', ' ')];
  for (const [run] of text.matchAll(/(?:[0-9a-f]{2}){4,}/gi)) {
    yield ['in hexadecimal', Buffer.from(run, 'hex').toString()];
    yield ['in hexadecimal', Buffer.from(run.slice(1), 'hex').toString()];
  }
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{8,}/g)) {
    for (let skipped = 0; skipped < 4; skipped += 1) yield ['in Base64', Buffer.from(run.slice(skipped), 'base64').toString()];
  }
  for (const [run] of text.matchAll(/\d{1,3}(?:,\s*(?:"\d+":)?\d{1,3}){5,}/g)) {
    yield ['as numbers', Buffer.from([...run.matchAll(/(?:"\d+":)?(\d+)/g)].map(([, number]) => Number(number))).toString()];
  }
}
