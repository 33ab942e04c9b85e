import {
  chmodSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { until } from '../../helpers/until.ts'
import { logWorld, type LogWorld } from './log-world.ts'

/** Numbered lines of different lengths, as fast as they are taken. */
const flood = (count: number): string =>
  `for (let i = 0; i < ${count}; i++) process.stdout.write(i + "." + "x".repeat(i % 211) + "\\n")`

const flooded = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${i}.${'x'.repeat(i % 211)}`)

const linesOf = (text: string): string[] => text.trimEnd().split('\n')

const rotated = ({ dir }: LogWorld): string[] =>
  readdirSync(dir)
    .filter((name) => /\.log\.\d/.test(name))
    .toSorted()

test('a flood through many rotations: no line is missing, twice, or torn', async () => {
  await using world = logWorld()
  const sink = world.open({ maxSizeBytes: 200_000, maxFiles: 1000 })
  await world.run(sink, flood(200_000)).ended
  expect(linesOf(world.readAll('app-out.log'))).toEqual(flooded(200_000))
  expect(rotated(world).length).toBeGreaterThan(100)
  for (const name of rotated(world)) {
    expect(statSync(join(world.dir, name)).size).toBeLessThanOrEqual(200_000)
    expect(world.read(name).endsWith('\n')).toBe(true)
  }
})

test('max_files counts the current one; the oldest lines go', async () => {
  await using world = logWorld()
  await world.run(world.open({ maxSizeBytes: 50_000, maxFiles: 4 }), flood(20_000)).ended
  expect(rotated(world)).toEqual(['app-out.log.1', 'app-out.log.2', 'app-out.log.3'])
  const lines = linesOf(world.readAll('app-out.log'))
  expect(lines).toEqual(flooded(20_000).slice(-lines.length))
})

test('max_files lowered: what is too many goes', async () => {
  await using world = logWorld()
  for (let number = 1; number <= 8; number += 1)
    writeFileSync(join(world.dir, `app-out.log.${number}`), 'old\n')
  await world.run(world.open({ maxSizeBytes: 1000, maxFiles: 3 }), flood(100)).ended
  expect(rotated(world)).toEqual(['app-out.log.1', 'app-out.log.2'])
})

test('max_files 1: emptied in place', async () => {
  await using world = logWorld()
  await world.run(world.open({ maxSizeBytes: 50_000, maxFiles: 1 }), flood(20_000)).ended
  expect(rotated(world)).toEqual([])
  const lines = linesOf(world.read('app-out.log'))
  expect(lines).toEqual(flooded(20_000).slice(-lines.length))
})

test('several processes and rotations in one file: none missing, twice or torn', async () => {
  await using world = logWorld()
  const sink = world.open({ maxSizeBytes: 100_000, maxFiles: 1000, combinedFile: true })
  const code = (name: string): string =>
    `for (let i = 0; i < 10000; i++) console.log("${name}" + i)`
  await Promise.all(['a', 'b', 'c'].map((name) => world.run(sink, code(name)).ended))
  const expected = ['a', 'b', 'c'].flatMap((name) =>
    Array.from({ length: 10_000 }, (_, i) => name + i),
  )
  for (const file of ['app.log', 'app-out.log']) {
    expect(linesOf(world.readAll(file)).toSorted()).toEqual(expected.toSorted())
  }
})

test('compressed from the second on, and still complete', async () => {
  await using world = logWorld()
  const sink = world.open({ maxSizeBytes: 400_000, maxFiles: 100, compress: true })
  await world.run(sink, flood(50_000)).ended
  // The next rotation comes after the flood: by then nobody overtakes the compression.
  await world.run(sink, flood(4000)).ended
  await until(() =>
    rotated(world).every((name) => name.endsWith('.1') || name.endsWith('.gz')) ? true : undefined,
  )
  expect(linesOf(world.readAll('app-out.log'))).toEqual([...flooded(50_000), ...flooded(4000)])
  expect(readdirSync(world.dir).filter((name) => name.includes('tmp'))).toEqual([])
})

test('an interval: yesterday’s file is put away at the first line of today', async () => {
  await using world = logWorld()
  const path = join(world.dir, 'app-out.log')
  writeFileSync(path, 'yesterday\n')
  const yesterday = new Date(Date.now() - 86_400_000)
  utimesSync(path, yesterday, yesterday)
  await world.run(world.open({ rotateIntervalMs: 86_400_000 }), 'console.log("today")').ended
  expect([world.read('app-out.log.1'), world.read('app-out.log')]).toEqual([
    'yesterday\n',
    'today\n',
  ])
})

test('the next file has the mode of the one before', async () => {
  await using world = logWorld()
  const path = join(world.dir, 'app-out.log')
  writeFileSync(path, '')
  chmodSync(path, 0o604)
  await world.run(world.open({ maxSizeBytes: 1000 }), flood(100)).ended
  expect(statSync(path).mode & 0o777).toBe(0o604)
})

test('renamed by others and reopened: what follows goes to the new file', async () => {
  await using world = logWorld()
  const sink = world.open()
  const path = join(world.dir, 'app-out.log')
  await world.run(sink, 'console.log("one")').ended
  renameSync(path, `${path}.old`)
  expect(await sink.reopen()).toContain(path)
  await world.run(sink, 'console.log("two")').ended
  expect([world.read('app-out.log.old'), world.read('app-out.log')]).toEqual(['one\n', 'two\n'])
})

test('removed by others, nobody says so: noticed within seconds', async () => {
  await using world = logWorld()
  const sink = world.open()
  const { child } = world.run(sink, 'let i = 0; setInterval(() => console.log(i++), 50)')
  const path = join(world.dir, 'app-out.log')
  await until(() => world.read('app-out.log') !== '' || undefined)
  rmSync(path)
  await until(() => (existsSync(path) && world.read('app-out.log') !== '') || undefined)
  child.kill()
})

test('emptied by others (copytruncate): the size is counted anew', async () => {
  await using world = logWorld()
  const sink = world.open({ maxSizeBytes: 1000 })
  await world.run(sink, 'console.log("x".repeat(900))').ended
  truncateSync(join(world.dir, 'app-out.log'))
  await world.run(sink, 'console.log("y".repeat(900))').ended
  expect(rotated(world)).toEqual([])
  expect(world.read('app-out.log')).toBe(`${'y'.repeat(900)}\n`)
})

test('flush empties the files in place, and they are written on', async () => {
  await using world = logWorld()
  const sink = world.open()
  const path = join(world.dir, 'app-out.log')
  await world.run(sink, 'console.log("one"); console.error("ONE")').ended
  const { ino } = statSync(path)
  expect(await sink.flush()).toEqual([path, join(world.dir, 'app-error.log')])
  expect([
    statSync(path).size,
    statSync(join(world.dir, 'app-error.log')).size,
    statSync(path).ino,
  ]).toEqual([0, 0, ino])
  await world.run(sink, 'console.log("two")').ended
  expect(world.read('app-out.log')).toBe('two\n')
})
