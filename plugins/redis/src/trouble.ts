import type { PluginContext } from '@portcullis/sdk';
import type { LookupEvents } from './lookups.js';

/** Says once what is wrong with the connection, and once that it is over. */
export class Trouble implements LookupEvents {
  readonly #context: Pick<PluginContext, 'log' | 'metrics'>;
  #last = '';

  constructor(context: Pick<PluginContext, 'log' | 'metrics'>) {
    this.#context = context;
  }

  ready(): void {
    this.#context.metrics.gauge('connected', 1);
    if (this.#last !== '') this.#context.log.info({}, 'Redis can be asked again');
    this.#last = '';
  }

  trouble(problem: string): void {
    this.#context.metrics.gauge('connected', 0);
    if (problem === this.#last) return;
    this.#last = problem;
    this.#context.log.warn({ problem }, 'Redis cannot be asked: who comes is refused');
  }
}
