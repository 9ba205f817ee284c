import { X509Certificate } from 'node:crypto';
import { certificateBlocks } from '../x509/index.js';
import type { Segment } from './problem.js';

/** Why a file has no content. `missing`: there is none of this name; `moving`: it is being changed right now, and will be read when that is over. */
export interface FileFault {
  readonly message: string;
  readonly hint: string | null;
  readonly state: 'bad' | 'missing' | 'moving';
}

/** What the files held: bytes, or what is wrong with the file. */
export type FileContents = ReadonlyMap<string, Buffer | FileFault>;

/** Something about the `tls` object; `at` leads to its place from there. */
export interface TlsRemark {
  readonly at: readonly Segment[];
  readonly message: string;
  readonly hint: string | null;
}

/** What was found while files and settings were judged. */
export class TlsRemarks {
  readonly problems: TlsRemark[] = [];
  readonly warnings: TlsRemark[] = [];
  #faults = 0;

  /** How often something could not be used, also where nothing is said of it. Grew it while something was judged, that is of no use. */
  get faults(): number {
    return this.#faults;
  }

  readonly problem = (at: readonly Segment[], message: string, hint: string | null = null): void => {
    this.#faults += 1;
    this.problems.push({ at, message, hint });
  };

  readonly warning = (at: readonly Segment[], message: string, hint: string | null = null): void => {
    this.warnings.push({ at, message, hint });
  };

  /** A file that is being changed is no mistake, and yet cannot be used. */
  wait(): void {
    this.#faults += 1;
  }
}

export const AS_PEM = 'it must be PEM: text with -----BEGIN … lines';

/** The contents of files, with what is wrong with them told when they are asked for. */
export class TlsContents {
  readonly #contents: FileContents;
  readonly #now: number;
  readonly #remarks: TlsRemarks;

  constructor(contents: FileContents, now: number, remarks: TlsRemarks) {
    this.#contents = contents;
    this.#now = now;
    this.#remarks = remarks;
  }

  bytes(path: string, at: readonly Segment[]): Buffer | null {
    const content = this.#contents.get(path);
    if (Buffer.isBuffer(content)) return content;
    if (content?.state === 'moving') this.#remarks.wait();
    else this.#remarks.problem(at, content?.message ?? `${path} was not read`, content?.hint ?? null);
    return null;
  }

  isMissing(path: string): boolean {
    const content = this.#contents.get(path);
    return content !== undefined && !Buffer.isBuffer(content) && content.state === 'missing';
  }

  text(path: string): string {
    const content = this.#contents.get(path);
    return Buffer.isBuffer(content) ? content.toString('latin1') : '';
  }

  /** The certificates of a file, in its order; empty when they cannot be used. */
  chain(path: string, at: readonly Segment[]): X509Certificate[] {
    const bytes = this.bytes(path, at);
    if (bytes === null) return [];
    const blocks = certificateBlocks(bytes.toString('latin1'));
    if (blocks.length === 0) this.#remarks.problem(at, `${path} holds no certificate`, AS_PEM);
    const chain: X509Certificate[] = [];
    for (const [index, block] of blocks.entries()) {
      try {
        const certificate = new X509Certificate(block);
        chain.push(certificate);
        this.#judgeTime(certificate, index, path, at);
      } catch {
        this.#remarks.problem(at, `${path}: certificate ${index + 1} cannot be read`, 'the file is damaged, or half written');
        return [];
      }
    }
    return chain;
  }

  #judgeTime(certificate: X509Certificate, index: number, path: string, at: readonly Segment[]): void {
    const which = `${path}: certificate ${index + 1}`;
    const from = Date.parse(certificate.validFrom);
    const to = Date.parse(certificate.validTo);
    if (to < this.#now) this.#remarks.warning(at, `${which} expired on ${day(to)}`, 'clients that check it will not connect');
    else if (from > this.#now) this.#remarks.warning(at, `${which} is not valid before ${day(from)}`, 'is the clock right?');
  }
}

/** The place of one of several files; a single one may stand without a list. */
export function placeIn(name: string, list: readonly string[], index: number): readonly Segment[] {
  return list.length === 1 ? [name] : [name, index];
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
