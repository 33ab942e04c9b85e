import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { Clock } from '../../../daemon/kernel/clock.ts'
import { createSlabPool } from '../../../daemon/supervisor/logs/byte-queue.ts'
import type { Destination } from '../../../daemon/supervisor/logs/destination.ts'
import { createDropRing } from '../../../daemon/supervisor/logs/drop-ring.ts'
import {
  createLogFile,
  type LogFile,
  type LogLoss,
} from '../../../daemon/supervisor/logs/log-file.ts'
import type { EpochMs, Monotonic } from '../../../src/contract/units.ts'

/** Stands still until `advance`; promises settle before the next timer. */
function fakeClock(): Clock & { advance: (ms: number) => Promise<void> } {
  let time = 0
  const timers = new Set<{ at: number; run: () => void }>()
  return {
    now: () => time as Monotonic,
    wall: () => time as EpochMs,
    at(at, run) {
      const timer = { at, run }
      timers.add(timer)
      return { [Symbol.dispose]: () => void timers.delete(timer) }
    },
    async advance(ms) {
      const end = time + ms
      await settled()
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
        if (next === undefined) break
        timers.delete(next)
        time = Math.max(time, next.at)
        next.run()
        await settled()
      }
      time = end
    },
  }
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** What becomes of one write: taken up to so many bytes, or refused. */
type Outcome = number | 'ENOSPC'

interface FakeDisk extends Destination {
  text: () => string
  writes: () => number
  outcomes: Outcome[]
  /** Writes wait for this. */
  gate: Promise<void>
}

function fakeDisk(): FakeDisk {
  let text = ''
  let writes = 0
  const disk: FakeDisk = {
    outcomes: [],
    gate: Promise.resolve(),
    text: () => text,
    writes: () => writes,
    async write(parts) {
      writes += 1
      await disk.gate
      const outcome = disk.outcomes.shift() ?? Infinity
      if (outcome === 'ENOSPC')
        throw Object.assign(new Error('full'), { code: 'ENOSPC', errno: -28 })
      const taken = Buffer.concat(parts).subarray(0, outcome)
      text += taken.toString()
      return taken.length
    },
    open: async () => undefined,
    close: async () => undefined,
    isReplaced: async () => false,
    rotate: async () => undefined,
    truncate: async () => undefined,
    bytes: () => text.length,
    maxBytes: () => Infinity,
    isDue: () => false,
    isMidLine: () => text !== '' && !text.endsWith('\n'),
  }
  return disk
}

interface World {
  clock: ReturnType<typeof fakeClock>
  disk: FakeDisk
  file: LogFile
  losses: LogLoss[]
}

function world(ringBytes?: number): World {
  const clock = fakeClock()
  const disk = fakeDisk()
  const losses: LogLoss[] = []
  const file = createLogFile({
    path: 'app.log',
    destination: disk,
    clock,
    pool: createSlabPool(),
    ring: createDropRing(ringBytes),
    remark: (text) => Buffer.from(`${text}\n`),
    onLoss: (loss) => losses.push(loss),
    opensAfter: Promise.resolve(),
  })
  return { clock, disk, file, losses }
}

test('the first line is written at once, those that follow are gathered', async () => {
  const { clock, disk, file } = world()
  file.append(Buffer.from('first\n'))
  await clock.advance(0)
  expect(disk.text()).toBe('first\n')
  for (let i = 0; i < 100; i += 1) file.append(Buffer.from(`${i}\n`))
  await clock.advance(0)
  expect(disk.text()).toBe('first\n')
  await clock.advance(8)
  expect([disk.text().endsWith('\n99\n'), disk.writes()]).toEqual([true, 2])
})

test('an unfinished line waits for its rest, but not for long', async () => {
  const { clock, disk, file } = world()
  file.append(Buffer.from('whole\nhalf'))
  await clock.advance(100)
  expect(disk.text()).toBe('whole\n')
  expect(file.takeUnfinished()?.toString()).toBe('half')
  file.append(Buffer.from('prompt> '))
  await clock.advance(199)
  expect(disk.text()).toBe('whole\n')
  await clock.advance(1)
  expect(disk.text()).toBe('whole\nprompt> ')
  expect(file.takeUnfinished()).toBeUndefined()
})

test('who waits for the file to be drained does not wait for more to gather', async () => {
  const { clock, disk, file } = world()
  file.append(Buffer.from('one\n'))
  await clock.advance(0)
  file.append(Buffer.from('two'))
  await file.drained()
  expect(disk.text()).toBe('one\ntwo')
})

test('a write that takes too long: streams pause, then the oldest lines are dropped and counted', async () => {
  const { clock, disk, file, losses } = world(600_000)
  let open = (): void => undefined
  disk.gate = new Promise((resolve) => {
    open = resolve
  })
  const line = Buffer.from(`${'x'.repeat(999)}\n`)
  file.append(Buffer.from('in flight\n'))
  await clock.advance(0)
  let accepted = 0
  while (file.append(line)) accepted += 1
  expect(accepted * 1000).toBeGreaterThan(500_000)
  let isWritable = false
  void file.writable().then(() => (isWritable = true))
  await clock.advance(1999)
  expect(isWritable).toBe(false)
  await clock.advance(1)
  expect(isWritable).toBe(true)
  for (let i = 0; i < 1000; i += 1) expect(file.append(line)).toBe(true)

  open()
  await clock.advance(10)
  const [first, note, ...rest] = disk.text().trimEnd().split('\n')
  expect([first, note]).toEqual([
    'in flight',
    expect.stringMatching(/^\[lbm\] \d+ lines dropped: the disk is too slow$/),
  ])
  expect(losses.map(({ lines }) => lines + rest.length)).toEqual([accepted + 1 + 1000])
})

test('closed while the disk is full: what stayed in memory is reported', async () => {
  const { clock, disk, file, losses } = world()
  disk.outcomes.push('ENOSPC', 'ENOSPC')
  file.append(Buffer.from('one\ntwo\n'))
  await clock.advance(0)
  await file.close()
  expect(losses.map(({ lines, message }) => `${lines} ${message}`)).toEqual([
    '0 no space left on device',
    '2 no space left on device',
  ])
})

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant('ENOSPC' as const),
  fc.integer({ min: 1, max: 60 }),
  fc.constant(Infinity),
)

test('a disk that is full now and then and takes parts of a write: each line is whole in the file, or counted in its place', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(outcome, { maxLength: 60 }),
      fc.array(
        fc.record({ lines: fc.nat(40), pauseMs: fc.constantFrom(0, 5, 1500), cut: fc.nat(8) }),
        { maxLength: 15 },
      ),
      async (outcomes, bursts) => {
        const { clock, disk, file, losses } = world(500)
        disk.outcomes.push(...outcomes)
        let made = 0
        let held = ''
        for (const { lines, pauseMs, cut } of bursts) {
          for (let i = 0; i < lines; i += 1) held += `line ${made++} ${'.'.repeat(made % 17)}\n`
          // Chunks end anywhere.
          const chunk = held.slice(0, Math.max(0, held.length - cut))
          held = held.slice(chunk.length)
          file.append(Buffer.from(chunk))
          await clock.advance(pauseMs)
        }
        file.append(Buffer.from(held))
        await clock.advance(200_000)

        let next = 0
        for (const text of disk.text().split('\n').slice(0, -1)) {
          const dropped = /^\[lbm\] (\d+) lines? dropped: no space left on device$/.exec(text)
          if (dropped === null) expect(text).toBe(`line ${next} ${'.'.repeat((next + 1) % 17)}`)
          next += dropped === null ? 1 : Number(dropped[1])
        }
        expect(next).toBe(made)
        const told = losses.reduce((sum, { lines }) => sum + lines, 0)
        expect(told).toBe(made - (disk.text().match(/^line/gm)?.length ?? 0))
      },
    ),
    { numRuns: 300 },
  )
})
