import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, readSync, readdirSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { createLogPipes } from '../../../daemon/supervisor/logs/log-pipe.ts'
import { until } from '../../helpers/until.ts'
import { logWorld, numbers, type Via } from './log-world.ts'

describe.each<Via>(['pipe', 'stream'])('through a %s', (via) => {
  test('20,000 lines and an exit: all are there, and so is the reason', async () => {
    await using world = logWorld()
    const code =
      'for (let i = 0; i < 20000; i++) console.log(i); console.error("fatal"); process.exit(1)'
    const { ended, error } = world.run(world.open(), code, { via })
    await ended
    expect(world.read('app-out.log')).toBe(numbers(20_000))
    expect(world.read('app-error.log')).toBe('fatal\n')
    expect(error.lastLines(30)).toEqual(['fatal'])
  })

  test('200,000 lines: all are there', async () => {
    await using world = logWorld()
    const before = process.cpuUsage()
    const startedAt = performance.now()
    const { ended } = world.run(world.open(), 'for (let i = 0; i < 200000; i++) console.log(i)', {
      via,
    })
    await ended
    const cpu = process.cpuUsage(before)
    const [wallMs, cpuMs] = [performance.now() - startedAt, (cpu.user + cpu.system) / 1000]
    process.stdout.write(
      `200,000 lines through a ${via}: ${wallMs.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU here\n`,
    )
    expect(world.read('app-out.log')).toBe(numbers(200_000))
  })

  test('a grandchild keeps the output open: the end is not waited for, its lines are taken all the same', async () => {
    await using world = logWorld()
    const grandchild =
      'setInterval(() => 0, 9e9); process.once("SIGUSR2", () => console.log("late") ?? process.exit()); console.log(process.pid)'
    const code = `const options = { stdio: ["ignore", "inherit", "inherit"] }
      require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}], options)
      process.stdin.once("data", () => process.exit())`
    const { child, ended } = world.run(world.open(), code, { via, graceMs: 50 })
    const pid = await until(() => /^\d+(?=\n)/.exec(world.read('app-out.log'))?.[0])
    child.stdin?.write('exit\n')
    await ended
    process.kill(Number(pid), 'SIGUSR2')
    await until(() => world.read('app-out.log') === `${pid}\nlate\n` || undefined)
  })
})

test('a last line without a newline is kept; the next process begins a line of its own', async () => {
  await using world = logWorld()
  const sink = world.open()
  await world.run(sink, 'process.stdout.write("no newline")').ended
  expect(world.read('app-out.log')).toBe('no newline')
  await world.run(sink, 'console.log("next")').ended
  expect(world.read('app-out.log')).toBe('no newline\nnext\n')
})

test('a file that ends in the middle of a line, left by a supervisor that was killed, is gone on with on a new line', async () => {
  await using world = logWorld()
  appendFileSync(join(world.dir, 'app-out.log'), 'whole\nhal')
  await world.run(world.open(), 'console.log("next")').ended
  expect(world.read('app-out.log')).toBe('whole\nhal\nnext\n')
})

test('a prompt appears although its line is not over', async () => {
  await using world = logWorld()
  const { child } = world.run(
    world.open(),
    'process.stdout.write("name? "); process.stdin.resume()',
  )
  await until(() => world.read('app-out.log') === 'name? ' || undefined)
  child.stdin?.end()
})

test('merged: four processes into one file, every line whole', async () => {
  await using world = logWorld()
  const code = (id: number): string =>
    `for (let i = 0; i < 5000; i++) process.stdout.write("${id}-" + i + "-" + "x".repeat(i % 300) + "\\n")`
  await Promise.all(
    [0, 1, 2, 3].map((id) => world.run(world.open({ merge: true }), code(id), { id }).ended),
  )
  const expected = [0, 1, 2, 3].flatMap((id) =>
    Array.from({ length: 5000 }, (_, i) => `${id}-${i}-${'x'.repeat(i % 300)}`),
  )
  const lines = world.read('app-out.log').trimEnd().split('\n')
  expect(lines.toSorted()).toEqual(expected.toSorted())
  const ofOne = lines
    .filter((line) => line.startsWith('2-'))
    .map((line) => Number(line.split('-')[1]))
  expect(ofOne).toEqual(ofOne.toSorted((a, b) => a - b))
})

test('combined: both outputs in one file, each in its order', async () => {
  await using world = logWorld()
  const code = 'for (let i = 0; i < 2000; i++) { console.log("o" + i); console.error("e" + i) }'
  await world.run(world.open({ combinedFile: true }), code).ended
  const lines = world.read('app.log').trimEnd().split('\n')
  expect(lines.filter((line) => line.startsWith('o')).join('\n')).toBe(
    world.read('app-out.log').trimEnd(),
  )
  expect(lines.filter((line) => line.startsWith('e')).join('\n')).toBe(
    world.read('app-error.log').trimEnd(),
  )
  expect(lines).toHaveLength(4000)
})

test('JSON: one record a line, however it was written', async () => {
  await using world = logWorld()
  const code = `const bytes = Buffer.from("first €\\nsecond 😀\\n" + "y".repeat(100000) + "\\nend")
    let at = 0
    const next = () => { if (at < 30) process.stdout.write(bytes.subarray(at, ++at), () => setTimeout(next, 1)); else process.stdout.write(bytes.subarray(at)) }
    next()`
  await world.run(world.open({ type: 'json' }), code, { id: 7 }).ended
  const records = world
    .read('app-out.log')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(records.map(({ message, long }) => [message, long])).toEqual([
    ['first €', undefined],
    ['second 😀', undefined],
    ['y'.repeat(100_000), true],
    ['end', undefined],
  ])
  expect(records[0]).toMatchObject({ type: 'out', process_id: 7, app_name: 'app' })
})

test('log_date_format: a date before each line', async () => {
  await using world = logWorld()
  await world.run(
    world.open({ dateFormat: 'YYYY-MM-DD HH:mm:ss' }),
    'console.log("one\\ntwo"); process.stdout.write("three")',
  ).ended
  const lines = world.read('app-out.log').split('\n')
  expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: /, '> '))).toEqual([
    '> one',
    '> two',
    '> three',
    '',
  ])
})

test.each([
  { disabled: true },
  { outFile: '/dev/null', errorFile: '/dev/null' },
  { outFile: 'NULL', errorFile: 'NULL' },
])('switched off by %o: nothing is written, the last lines are known', async (spec) => {
  await using world = logWorld()
  const { ended, out } = world.run(
    world.open(spec),
    'for (let i = 0; i < 50000; i++) console.log(i)',
  )
  await ended
  expect(out.lastLines(2)).toEqual(['49998', '49999'])
  expect(readdirSync(world.dir)).toEqual(['pipes'])
})

test('a named pipe nobody reads does not hold the program up; who comes later is told what is missing', async () => {
  await using world = logWorld()
  const outFile = join(world.dir, 'fifo')
  execFileSync('mkfifo', [outFile])
  const { ended } = world.run(
    world.open({ outFile }),
    'for (let i = 0; i < 50000; i++) console.log("number " + i + " ".repeat(50))',
  )
  await ended
  const reader = spawn('cat', [outFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  reader.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await until(() => text.includes('number 49999') || undefined)
  reader.kill()
  const [, dropped = '0'] = /^\[lbm\] (\d+) lines dropped/.exec(text) ?? []
  const rest = text.split('\n').filter((line) => line.startsWith('number'))
  expect(Number(dropped) + rest.length).toBe(50_000)
  expect(Number(dropped)).toBeGreaterThan(0)
})

test('the reader of a named pipe stands still: nobody waits for it, and it is told what it missed', async () => {
  await using world = logWorld()
  const outFile = join(world.dir, 'fifo')
  execFileSync('mkfifo', [outFile])
  const reader = spawn('cat', [outFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  reader.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const sink = world.open({ outFile })
  await world.run(sink, 'console.log("number -1 ")').ended
  await until(() => text === 'number -1 \n' || undefined)

  reader.kill('SIGSTOP')
  const code = 'for (let i = 0; i < 50000; i++) console.log("number " + i + " ".repeat(50))'
  await world.run(sink, code).ended
  reader.kill('SIGCONT')
  await until(() => text.includes('number 49999') || undefined)
  reader.kill()
  const numbersSeen = [...text.matchAll(/^number (\d+) {50}$/gm)].map(([, number]) =>
    Number(number),
  )
  const [note, dropped] = /^\[lbm\] (\d+) lines dropped.*$/m.exec(text) ?? []
  expect(numbersSeen.length + Number(dropped)).toBe(50_000)
  expect(text.trimEnd().split('\n')).toHaveLength(numbersSeen.length + 2)
  expect(note).toMatch(/dropped: its reader is too slow$/)
})

test('the output may be opened by its name, as it may not be on a socket', async () => {
  await using world = logWorld()
  const code =
    'require("node:fs").appendFileSync("/dev/stdout", "by name\\n"); require("node:fs").appendFileSync("/dev/stderr", "this too\\n")'
  await world.run(world.open(), code).ended
  expect([world.read('app-out.log'), world.read('app-error.log')]).toEqual([
    'by name\n',
    'this too\n',
  ])
})

test('processes that come and go leave no descriptor open, nor do pipes that were not used', async () => {
  const openNow = (): number => readdirSync('/proc/self/fd').length
  const before = openNow()
  await using world = logWorld()
  const sink = world.open()
  await world.run(sink, '').ended
  const withFiles = openNow()
  for (let round = 0; round < 20; round += 1) await world.run(sink, 'console.log(1)').ended
  using pipes = createLogPipes(join(world.dir, 'unused'))
  pipes.open()?.discard()
  const spawned = pipes.open()
  spawned?.spawned()
  spawned?.discard()
  await until(() => openNow() <= withFiles || undefined)
  await sink[Symbol.asyncDispose]()
  await until(() => openNow() <= before || undefined)
})

test('pipes are made anew where their names were cleared from memory, as a logout may do', async () => {
  await using world = logWorld()
  const folder = join(world.dir, 'cleared')
  using pipes = createLogPipes(folder)
  pipes.open()?.discard()
  rmSync(realpathSync(folder), { recursive: true })
  const opened = pipes.open()
  writeSync(opened?.writeFd ?? -1, 'through')
  const read = Buffer.alloc(16)
  expect(read.toString('utf8', 0, readSync(opened?.readFd ?? -1, read))).toBe('through')
  opened?.discard()
})
