import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { smallDisk } from '../../helpers/small-disk.ts'
import { until } from '../../helpers/until.ts'
import { logWorld } from './log-world.ts'

const mayMount = ((): boolean => {
  using disk = smallDisk('256k')
  return disk !== undefined
})()
if (!mayMount)
  process.stdout.write(
    'no tmpfs can be mounted here (that takes root): the full-disk tests are skipped\n',
  )

const line = (number: number): string => `${number} ${'.'.repeat(90)}`

describe.skipIf(!mayMount)('a full disk', () => {
  test.each([5000, 60_000])(
    '%d lines, then space: the program is not held up, what is missing is counted, one warning',
    async (count) => {
      using disk = smallDisk('256k')!
      await using world = logWorld()
      const outFile = join(disk.path, 'app-out.log')
      const filler = join(disk.path, 'filler')
      writeFileSync(filler, Buffer.alloc(128 * 1024))
      const sink = world.open({ outFile })
      const code = `for (let i = 0; i < ${count}; i++) console.log(i + " " + ".".repeat(90))`
      await world.run(sink, code).ended
      expect(world.losses).toEqual([
        { file: outFile, lines: 0, message: 'no space left on device' },
      ])
      expect(statSync(outFile).size).toBeLessThanOrEqual(128 * 1024)

      rmSync(filler)
      execFileSync('mount', ['-o', 'remount,size=64m', disk.path])
      const last = line(count - 1)
      await until(() => readFileSync(outFile, 'utf8').includes(last) || undefined)
      await world.run(sink, 'console.log("well again")').ended

      const lines = readFileSync(outFile, 'utf8').trimEnd().split('\n')
      expect(lines.at(-1)).toBe('well again')
      const noteAt = lines.findIndex((text) => text.startsWith('[lbm]'))
      const dropped = Number(
        /^\[lbm\] (\d+) lines dropped: no space left on device$/.exec(lines[noteAt] ?? '')?.[1] ??
          0,
      )
      expect(dropped > 0).toBe(count > 20_000)
      // Before the note the oldest lines, behind it the newest: no other is missing, and none is torn.
      const kept = lines.filter((text) => !text.startsWith('[lbm]')).slice(0, -1)
      const before = noteAt === -1 ? kept.length : noteAt
      const expected = Array.from({ length: count }, (_, i) => line(i))
      expect(kept).toEqual([...expected.slice(0, before), ...expected.slice(before + dropped)])
      expect(world.losses.slice(1).map((loss) => loss.lines)).toEqual(dropped > 0 ? [dropped] : [])
    },
  )

  test('full again and again: every line is there or counted', async () => {
    using disk = smallDisk('256k')!
    await using world = logWorld()
    const outFile = join(disk.path, 'app-out.log')
    const sink = world.open({ outFile, maxSizeBytes: 0 })
    for (let round = 0; round < 3; round += 1) {
      const code = `for (let i = 0; i < 30000; i++) console.log(${round} + "-" + i + " " + ".".repeat(90))`
      await world.run(sink, code).ended
      execFileSync('mount', ['-o', `remount,size=${(round + 1) * 8}m`, disk.path])
      await until(() => readFileSync(outFile, 'utf8').includes(`${round}-29999 `) || undefined)
    }
    const text = readFileSync(outFile, 'utf8')
    const kept = text.match(/^\d-\d+ \.{90}$/gm) ?? []
    const dropped = [...text.matchAll(/^\[lbm\] (\d+) lines? dropped/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    )
    expect(new Set(kept).size).toBe(kept.length)
    expect(kept.length + dropped).toBe(90_000)
    expect(text.trimEnd().split('\n')).toHaveLength(
      kept.length + [...text.matchAll(/^\[lbm\]/gm)].length,
    )
  })
})

describe.skipIf(process.getuid?.() === 0)('a folder that may not be written', () => {
  test('the program runs, one warning; writable again, the lines are there', async () => {
    await using world = logWorld()
    const folder = join(world.dir, 'closed')
    mkdirSync(folder, { mode: 0o500 })
    const sink = world.open({ outFile: join(folder, 'app-out.log') })
    await world.run(sink, 'console.log("kept")').ended
    expect(world.losses).toMatchObject([{ lines: 0, message: 'permission denied' }])
    chmodSync(folder, 0o700)
    await until(() => world.read('closed/app-out.log') === 'kept\n' || undefined)
  })
})

test('a folder in the place of the file: one warning, and the lines come when it is gone', async () => {
  await using world = logWorld()
  const outFile = join(world.dir, 'app-out.log')
  mkdirSync(outFile)
  await world.run(world.open({ outFile }), 'console.log("kept")').ended
  expect(world.losses).toMatchObject([{ lines: 0, message: 'illegal operation on a directory' }])
  rmSync(outFile, { recursive: true })
  await until(() => world.read('app-out.log') === 'kept\n' || undefined)
})
