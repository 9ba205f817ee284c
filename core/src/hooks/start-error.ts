import { ERRORS, PortcullisError } from '../errors.js';

/** Something that keeps the plugins from starting, and where in the configuration it lies. */
export interface StartProblem {
  /** Keys from the top of the configuration, such as `['plugins', 'rules']`. */
  readonly path: readonly string[];
  readonly message: string;
}

/** Why the plugins did not start: everything that was found. */
export class StartError extends PortcullisError {
  readonly problems: readonly StartProblem[];

  constructor(problems: readonly StartProblem[], options?: ErrorOptions) {
    const [first, ...others] = problems.map((problem) => problem.message);
    super(ERRORS.pluginLoad, others.length === 0 ? (first ?? '') : `${first} (and ${others.length} more: ${others.join('; ')})`, options);
    this.problems = problems;
  }
}
