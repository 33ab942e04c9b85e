import { expect, test } from 'vitest'

import type { Clock } from '../../../daemon/kernel/clock.ts'
import type { HangVerdict } from '../../../daemon/supervisor/health/hang/hang-policy.ts'
import { watchForHangs } from '../../../daemon/supervisor/health/hang/hang-watch.ts'
import { parseNotification } from '../../../daemon/supervisor/health/notify/notification.ts'
import { createWatchdog } from '../../../daemon/supervisor/health/notify/watchdog.ts'
import { createReplacement } from '../../../daemon/supervisor/health/replacement.ts'
import type { Monotonic } from '../../../src/contract/units.ts'
import { fakeClock } from '../../helpers/fake-clock.ts'

/** A clock whose owner is held up: what is due runs late, all at once. */
function heldUpClock(): Clock & { jump(ms: number): void } {
  let now = 0
  let timers: { time: number; run: () => void }[] = []
  return {
    ...fakeClock(),
    now: () => now as Monotonic,
    at(time, run) {
      const timer = { time, run }
      timers.push(timer)
      return { [Symbol.dispose]: () => void (timers = timers.filter((other) => other !== timer)) }
    },
    jump(ms) {
      now += ms
      const due = timers.filter(({ time }) => time <= now)
      timers = timers.filter(({ time }) => time > now)
      for (const { run } of due) run()
    },
  }
}

function watched(clock: Clock) {
  const silences: (HangVerdict | 'over')[] = []
  const watch = watchForHangs({
    pid: process.pid,
    hangTimeoutMs: 3000,
    clock,
    canReport: () => true,
    onSilent: (silence) => silences.push(silence?.verdict ?? 'over'),
  })
  watch.begin()
  return { watch, silences }
}

test('reports each second → never silent; a report after a silence ends it', async () => {
  const clock = fakeClock()
  const { watch, silences } = watched(clock)
  for (let second = 0; second < 60; second += 1) {
    await clock.advance(1000)
    watch.reported()
  }
  expect(silences).toEqual([])
  await clock.advance(2100)
  watch.reported()
  expect(silences.at(0)).toBe('late')
  expect(silences.at(-1)).toBe('over')
})

test('the supervisor itself was held up for a minute → nobody is blamed for it', () => {
  const clock = heldUpClock()
  const { silences } = watched(clock)
  clock.jump(60_000)
  expect(silences).toEqual([])
})

test('a replacement that does not come up is tried again later, and later', async () => {
  const clock = fakeClock()
  const tries: number[] = []
  const notes: string[] = []
  const replacement = createReplacement({
    clock,
    replace: () => {
      tries.push(clock.now())
      return Promise.resolve(false)
    },
    note: (text) => notes.push(text),
  })
  for (let second = 0; second < 200; second += 1) {
    void replacement.request('memory', 'used too much')
    await clock.advance(1000)
  }
  expect(tries).toEqual([0, 30_000, 90_000])
  expect(notes[0]).toBe('used too much, but its replacement did not come up; next try in 30 s')
})

test('one replacement at a time', async () => {
  const clock = fakeClock()
  let finish: (done: boolean) => void = () => undefined
  const replacement = createReplacement({
    clock,
    replace: () => new Promise((resolve) => (finish = resolve)),
    note: () => undefined,
  })
  const first = replacement.request('memory', '')
  expect(await replacement.request('max-age', '')).toBe('not-now')
  finish(true)
  expect(await first).toBe('done')
})

test('watchdog: silent before the first keep-alive, strict after it, off with 0 unless the program sets a time', async () => {
  const clock = fakeClock()
  const failures: string[] = []
  const watchdog = createWatchdog(1000, clock, (message) => failures.push(message))
  await clock.advance(10_000)
  watchdog.receive(parseNotification('WATCHDOG=1'))
  await clock.advance(900)
  watchdog.receive(parseNotification('WATCHDOG=1'))
  await clock.advance(900)
  expect(failures).toEqual([])
  await clock.advance(100)
  expect(failures).toEqual(['no WATCHDOG=1 for 1 s'])

  const off = createWatchdog(0, clock, (message) => failures.push(message))
  off.receive(parseNotification('WATCHDOG=1'))
  await clock.advance(100_000)
  expect(failures).toHaveLength(1)
  off.receive(parseNotification('WATCHDOG_USEC=500000'))
  await clock.advance(500)
  expect(failures).toHaveLength(2)
  off.receive(parseNotification('WATCHDOG=trigger'))
  expect(failures.at(-1)).toBe('it asked to be replaced (WATCHDOG=trigger)')
})
