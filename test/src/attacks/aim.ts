/** Whom an attack is aimed at, how large it is and how long it lasts. */
export interface Aim {
  readonly port: number;
  readonly webUrl: string;
  /** 1 for the whole attack; a test takes a fraction of its clients, topics and bytes. */
  readonly scale: number;
  /** What a test looks at afterwards, and the campaign prints. */
  readonly counts: Record<string, number>;
  /** Whether it goes on. */
  running(): boolean;
}

export type Attack = (aim: Aim) => Promise<void>;

/** So many, or the fraction of it that is asked for, but not none. */
export function scaled(aim: Aim, whole: number, least = 1): number {
  return Math.max(least, Math.round(whole * aim.scale));
}

export function count(aim: Aim, name: string, by = 1): void {
  aim.counts[name] = (aim.counts[name] ?? 0) + by;
}

/** Waits for something, but not beyond the end of the attack: a peer that is held back may never take what it is sent. */
export async function within(aim: Aim, something: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      if (!aim.running()) resolve();
    }, 50);
  });
  await Promise.race([something, over]);
  clearInterval(timer);
}

/** Lets others have their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
