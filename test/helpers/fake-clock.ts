import type { Clock } from '../../daemon/kernel/clock.ts'
import type { EpochMs, Monotonic } from '../../src/contract/units.ts'

export interface FakeClock extends Clock {
  /** Runs what is due until then, in order, and lets promises that it settles go on. */
  advance(ms: number): Promise<void>
}

export function fakeClock(): FakeClock {
  let now = 0
  const timers = new Set<{ time: number; run: () => void }>()
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  }
  return {
    now: () => now as Monotonic,
    wall: () => (1_700_000_000_000 + now) as EpochMs,
    at(time, run) {
      const timer = { time, run }
      timers.add(timer)
      return { [Symbol.dispose]: () => timers.delete(timer) }
    },
    async advance(ms) {
      const until = now + ms
      await settle()
      for (;;) {
        const [next] = [...timers]
          .filter(({ time }) => time <= until)
          .toSorted((a, b) => a.time - b.time)
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.time)
        next.run()
        await settle()
      }
      now = until
    },
  }
}
