import { expect, test } from 'vitest'

import { type BootLine, createBootLine } from '../../../daemon/control/boot-line.ts'
import { fakeClock } from '../../helpers/fake-clock.ts'
import { sampleView } from '../cli/sample-view.ts'

const newLine = (atOnce: number, used: () => number = () => 0, clock = fakeClock()): BootLine =>
  createBootLine({ clock, pidOf: (id) => id, cpuMsOf: used, atOnce })

/** An app of one instance, with its id, that boots until it is told to end. */
function boot(line: BootLine, id: number, begun: number[]): { end(): void; ended: Promise<void> } {
  let end = (): void => undefined
  const work = new Promise<void>((resolve) => (end = resolve))
  const ended = line.boot([id], async () => {
    begun.push(id)
    await work
  })
  return { end, ended }
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('so many at once, the others in their order', async () => {
  const line = newLine(2)
  const begun: number[] = []
  const [first, second, third, fourth] = [1, 2, 3, 4].map((id) => boot(line, id, begun))
  await turns()
  expect(begun).toEqual([1, 2])
  second?.end()
  await second?.ended
  await turns()
  expect(begun).toEqual([1, 2, 3])
  for (const one of [first, third, fourth]) one?.end()
  await Promise.all([first?.ended, third?.ended, fourth?.ended])
  expect(begun).toEqual([1, 2, 3, 4])
})

test.each([
  ['ready', sampleView({ id: 1 })],
  ['loaded, and to stay so for a moment', sampleView({ id: 1, phase: 'starting', settling: true })],
  ['to be tried again', sampleView({ id: 1, phase: 'backoff', pid: 0 })],
])('one that is %s makes way, though its command goes on', async (_, state) => {
  const line = newLine(1)
  const begun: number[] = []
  const first = boot(line, 1, begun)
  const second = boot(line, 2, begun)
  await turns()
  line.changed(sampleView({ id: 1, phase: 'stopped', pid: 0 }))
  line.changed(sampleView({ id: 1, phase: 'starting' }))
  await turns()
  expect(begun).toEqual([1])
  line.changed(state)
  await turns()
  expect(begun).toEqual([1, 2])
  // Its own end gives no second turn.
  first.end()
  await first.ended
  const third = boot(line, 3, begun)
  await turns()
  expect(begun).toEqual([1, 2])
  second.end()
  third.end()
  await Promise.all([second.ended, third.ended])
})

test('an app has booted when all of its instances have', async () => {
  const line = newLine(1)
  const begun: string[] = []
  let end = (): void => undefined
  const both = line.boot([1, 2], () => new Promise<void>((resolve) => (end = resolve)))
  const next = line.boot([3], () => Promise.resolve(void begun.push('next')))
  await turns()
  line.changed(sampleView({ id: 2 }))
  line.changed(sampleView({ id: 2 }))
  await turns()
  expect(begun).toEqual([])
  line.changed(sampleView({ id: 1 }))
  await next
  expect(begun).toEqual(['next'])
  end()
  await both
})

test('what fails makes way, and its error is its own', async () => {
  const line = newLine(1)
  const failing = line.boot([1], () => Promise.reject(new Error('no such file')))
  const next = line.boot([2], () => Promise.resolve('up'))
  await expect(failing).rejects.toThrow('no such file')
  await expect(next).resolves.toBe('up')
})

test('disposed of, it gives no more turns', async () => {
  const line = newLine(1)
  const begun: number[] = []
  const first = boot(line, 1, begun)
  void boot(line, 2, begun)
  await turns()
  line[Symbol.dispose]()
  first.end()
  await first.ended
  await turns()
  expect(begun).toEqual([1])
})

test.each([
  ['which uses no CPU makes way', 0, 2],
  ['which is busy does not', 500, 1],
])('one that boots for long, %s', async (_, usedEachSecondMs, expected) => {
  const clock = fakeClock()
  const line = newLine(1, () => (clock.now() / 1000) * usedEachSecondMs, clock)
  const begun: number[] = []
  const first = boot(line, 1, begun)
  const second = boot(line, 2, begun)
  await clock.advance(1000)
  expect(begun).toEqual([1])
  await clock.advance(5000)
  expect(begun).toHaveLength(expected)
  first.end()
  second.end()
  await Promise.all([first.ended, second.ended])
})

test('one that is yet to be spawned is not idle', async () => {
  const clock = fakeClock()
  const line = createBootLine({ clock, pidOf: () => 0, cpuMsOf: () => 0, atOnce: 1 })
  const begun: number[] = []
  const first = boot(line, 1, begun)
  const second = boot(line, 2, begun)
  await clock.advance(10_000)
  expect(begun).toEqual([1])
  first.end()
  second.end()
  await Promise.all([first.ended, second.ended])
})

test('an app whose first instance is loaded is not idle while the next one loads', async () => {
  const clock = fakeClock()
  const line = newLine(1, () => clock.now() / 2, clock)
  const begun: string[] = []
  let end = (): void => undefined
  const both = line.boot([1, 2], () => new Promise<void>((resolve) => (end = resolve)))
  const next = line.boot([3], () => Promise.resolve(void begun.push('next')))
  await clock.advance(1500)
  line.changed(sampleView({ id: 1 }))
  await clock.advance(3000)
  expect(begun).toEqual([])
  end()
  await Promise.all([both, next])
})
