/** Counts what goes in and out of a queue, for those who wait until theirs is out. */

export interface Progress {
  add(bytes: number): void
  remove(bytes: number): void
  isWaitedFor(): boolean
  /** Resolves when all that was added until now is out, or when `release` is called. */
  caughtUp(): Promise<void>
  /** Lets everybody go: it will not come out for the time being. */
  release(): void
}

export function createProgress(): Progress {
  let added = 0
  let removed = 0
  let waiters: { at: number; resolve: () => void }[] = []
  return {
    add(bytes) {
      added += bytes
    },
    remove(bytes) {
      removed += bytes
      waiters = waiters.filter(({ at, resolve }) => {
        if (removed >= at) resolve()
        return removed < at
      })
    },
    isWaitedFor: () => waiters.length > 0,
    caughtUp: () =>
      new Promise((resolve) => {
        if (removed >= added) resolve()
        else waiters.push({ at: added, resolve })
      }),
    release() {
      for (const { resolve } of waiters) resolve()
      waiters = []
    },
  }
}
