/** What ends the benchmark with one line for the person who started it: a wrong argument, a broker that does not start. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}
