import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';

const MIB = 1024 * 1024;

/**
 * Beyond the cap that is watched, the thread's heap has this much more. An allocation that meets the end of a heap may end the whole process
 * instead of the thread, and the greatest single one is of a gibibyte; so the end must be out of reach until the watch has seen it.
 */
const BEYOND_MIB = 2048;
/** Garbage that has not been collected yet, at most; more is taken for what is held. */
const GARBAGE_BYTES = 512 * MIB;

/** The end of the heap of a thread whose memory is watched at so many bytes. */
export function heapEndMiB(maxBytes: number): number {
  return Math.ceil(maxBytes / MIB) + BEYOND_MIB;
}

/** What Node adds to an entry about a collection of garbage. */
type Collection = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

/** In a thread: looks, behind each full collection, how much of its heap is in use. */
export class HeldMemory {
  #live = 0;

  constructor() {
    const observer = new PerformanceObserver((entries) => {
      const full = (entries.getEntries() as Collection[]).some(({ detail }) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR);
      if (full) this.#live = v8.getHeapStatistics().used_heap_size;
    });
    observer.observe({ entryTypes: ['gc'] });
  }

  /** Bytes that the thread holds, in its heap and in buffers outside of it. */
  get bytes(): number {
    const { used_heap_size: used, external_memory: outside } = v8.getHeapStatistics();
    return Math.max(Math.min(this.#live, used), used - GARBAGE_BYTES) + outside;
  }
}
