import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Broker } from '../broker.js';
import type { ConfigDocument, Problem } from '../config/index.js';
import type { ControlProblem } from '../control/index.js';
import { errorText } from '../errors.js';
import { StartError, type StartProblem } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { ControlSocket } from './control-socket.js';
import { codeWarnings, type Everything, loadEverything } from './load-all.js';
import { problemLines } from './print-problems.js';
import { remarkWarnings } from './remarks.js';

export interface ReloaderOptions {
  readonly broker: Broker;
  readonly log: Logger;
  readonly control: ControlSocket;
  /** Absolute path of the configuration. */
  readonly configFile: string;
  /** The same as the administrator wrote it, for lines on the terminal. */
  readonly shownFile: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes a line to standard error. */
  readonly complain: (line: string) => void;
  /** The configuration that is in force, and the text that it was made from. */
  readonly initial: Everything;
  readonly text: string | null;
}

/** How a reload ended. */
export interface ReloadResult {
  readonly ok: boolean;
  /** Who asked for it. */
  readonly by: 'SIGHUP' | 'command';
  /** When it ended, in milliseconds since the epoch. */
  readonly at: number;
  /** How long it took, its turn included. */
  readonly milliseconds: number;
  /** What was put in force: another configuration, or, since that is as before, only what listeners and plugins keep in files of their own. */
  readonly what: 'configuration' | 'files';
  readonly problems: readonly ControlProblem[];
  readonly warnings: readonly ControlProblem[];
  /** Of `files`: the plugins that had files of their own to read, and those that had none. */
  readonly rereads?: Broker['rereads'];
}

type Outcome = Pick<ReloadResult, 'what' | 'problems' | 'warnings' | 'rereads'>;

/** Reads the configuration again when it is asked to, once at a time and in the order of asking. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #busy: Promise<void> = Promise.resolve();
  /** Of the configuration in force: its text, its places, and a digest of all that it says. */
  #text: string | null;
  #document: ConfigDocument;
  #digest: string;
  #last: ReloadResult | null = null;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#text = options.text;
    this.#document = options.initial.document;
    this.#digest = digestOf(options.text, options.initial);
  }

  /** How the last one ended; null before the first. */
  get last(): ReloadResult | null {
    return this.#last;
  }

  /**
   * Puts a changed configuration in force as a whole; with the same one, listeners and plugins read their own files again. Waits for those that
   * were asked for before it; one that waits for a backend gives way. What is wrong is in the result, and on standard error. Never rejects.
   */
  async reload(by: ReloadResult['by']): Promise<ReloadResult> {
    const began = performance.now();
    const outcome = await this.#inTurn();
    const { problems } = outcome;
    const result = { ...outcome, ok: problems.length === 0, by, at: Date.now(), milliseconds: Math.round(performance.now() - began) };
    this.#last = result;
    this.#report(result);
    return result;
  }

  async #inTurn(): Promise<Outcome> {
    let begun: () => void;
    try {
      begun = this.#options.broker.announceReload();
    } catch (error) {
      return refused([plain(errorText(error))]);
    }
    const turn = this.#busy.then(() => this.#now(begun));
    this.#busy = turn.then(begun, begun);
    return turn;
  }

  async #now(begun: () => void): Promise<Outcome> {
    const { configFile, env, complain, shownFile, log } = this.#options;
    const text = await readText(configFile);
    const everything = await loadEverything(configFile, env);
    // Not before: until then a reload that comes still has this one in front of it.
    begun();
    const placed = (problems: readonly Problem[]): ControlProblem[] => problems.map((problem) => ({ file: configFile, ...problem }));
    if ((await readText(configFile)) !== text)
      return refused([{ ...plain('is being written right now', 'try again when that is done'), file: configFile }]);
    try {
      if ('problems' in everything) {
        const problems = placed(everything.problems);
        if (text !== this.#text) return refused(problems);
        // The file is as it was, and yet something that it names is not: whatever still can is read again, each for itself.
        for (const line of problemLines(shownFile, everything.problems)) complain(line);
        return this.#refresh(problems);
      }
      const warn = (warnings: readonly Problem[]): void => {
        for (const warning of warnings) for (const line of problemLines(shownFile, [warning])) complain(`warning: ${line}`);
      };
      if (digestOf(text, everything) === this.#digest) {
        const changed = everything.plugins.flatMap(({ spec, loaded }) => codeWarnings(everything.document, spec.name, loaded));
        warn(changed);
        return this.#refresh([], placed(changed));
      }
      warn(everything.warnings);
      await this.#switch(everything);
      this.#inForce(text, everything);
      const remarks = remarkWarnings(everything.document, this.#options.broker.remarks, everything.warnings);
      warn(remarks);
      return { what: 'configuration', problems: [], warnings: [...placed([...everything.warnings, ...remarks]), ...this.#down()] };
    } catch (error) {
      const document = 'problems' in everything ? this.#document : everything.document;
      return refused(error instanceof StartError ? this.#placed(document, error.problems) : [plain(log.hide(errorText(error)))]);
    }
  }

  /** Has listeners and plugins read their own files. What is wrong with them comes behind what the check has found, each mistake once. */
  async #refresh(known: readonly ControlProblem[], warnings: readonly ControlProblem[] = []): Promise<Outcome> {
    const found = this.#placed(this.#document, await this.#options.broker.reloadPlugins());
    const more = found.filter(({ path }) => !known.some((problem) => problem.path.startsWith(path)));
    return { what: 'files', problems: [...known, ...more], warnings, rereads: this.#options.broker.rereads };
  }

  /** Plugins that are in force without their backend: whoever reloads is there and may not look at the log. */
  #down(): ControlProblem[] {
    const down = this.#options.broker.status()?.plugins.filter(({ whyDown }) => whyDown !== null) ?? [];
    const hint = 'clients are refused as unavailable until it is there';
    return this.#placed(
      this.#document,
      down.map(({ name, whyDown }) => ({ path: ['plugins', name], message: `its backend is down: ${whyDown}` })),
    ).map((problem) => ({ ...problem, hint }));
  }

  #placed({ json }: ConfigDocument, problems: readonly StartProblem[]): ControlProblem[] {
    return problems.map(({ path, message }) => ({ file: this.#options.configFile, ...json.problemAtKey(path, this.#options.log.hide(message)) }));
  }

  #inForce(text: string | null, everything: Everything): void {
    this.#text = text;
    this.#document = everything.document;
    this.#digest = digestOf(text, everything);
  }

  /** The control socket is moved when all else has succeeded, but bound before: what cannot be is refused as a whole. */
  async #switch(everything: Everything): Promise<void> {
    const { broker, log, control } = this.#options;
    const move = await control.prepare(everything.config);
    try {
      await broker.reload(everything);
    } catch (error) {
      await move.abandon();
      throw error;
    }
    log.setLevel(everything.config.logLevel);
    move.commit();
  }

  #report({ ok, by, what, problems }: ReloadResult): void {
    const { log, shownFile, complain } = this.#options;
    if (what === 'files') {
      const text = 'the configuration is as before; listeners and plugins were told to read their files again';
      // What is wrong has been said by those who found it.
      if (ok) log.info({ by }, text);
      else log.error({ by }, `${text}; what could not be read is named above, all else is in force`);
      return;
    }
    if (ok) return log.info({ file: shownFile, by }, 'reloaded the configuration');
    const placed = problems.filter(({ file }) => file !== null);
    for (const line of problemLines(shownFile, placed)) complain(line);
    const other = problems.find(({ file }) => file === null);
    const cause = other === undefined ? `${shownFile} has ${problems.length} problem(s)` : other.message;
    log.error({ by, cause }, 'reload refused: everything stays as it was');
  }
}

function refused(problems: readonly ControlProblem[]): Outcome {
  return { what: 'configuration', problems, warnings: [] };
}

/** A problem without a place. */
function plain(message: string, hint: string | null = null): ControlProblem {
  return { file: null, line: 0, column: 0, path: '', message, hint };
}

/** What a configuration says, the values of its references included: a digest, since those may be secrets. */
function digestOf(text: string | null, { plugins }: Everything): string {
  const options = plugins.map(({ spec }) => [spec.name, spec.config]);
  return createHash('sha256')
    .update(JSON.stringify([text, options]))
    .digest('base64');
}

/** The text of the configuration as far as it can be read. */
export async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return null;
  }
}
