import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'

import { createLinePrinter, type LineStyle } from '../../../src/cli/logs/line-printer.ts'
import { readTail } from '../../../src/cli/logs/tail.ts'
import { chalkPalette } from '../../../src/cli/output/chalk-palette.ts'
import { plainPalette } from '../../../src/cli/output/palette.ts'
import { createFollower, type Follower } from '../../../src/client/logs/follow.ts'
import { type LogSource, sourcesByName, sourcesOf } from '../../../src/client/logs/sources.ts'
import { homePaths } from '../../../src/contract/home.ts'
import { until } from '../../helpers/until.ts'
import { startFakeDaemon } from '../client/fake-daemon.ts'
import { fakeIo, runIn } from './fake-io.ts'
import { sampleDetail, sampleView } from './sample-view.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-logs-'))
  path = join(folder, 'a.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('readTail', () => {
  const tail = (text: string, count: number): ReturnType<typeof readTail> => {
    writeFileSync(path, text)
    const fd = openSync(path, 'r')
    try {
      return readTail(fd, count)
    } finally {
      closeSync(fd)
    }
  }

  test.each([
    ['', 5, []],
    ['a\nb\nc\n', 2, ['b', 'c']],
    ['a\nb\nc\n', 5, ['a', 'b', 'c']],
    ['a\nb\nc', 2, ['b', 'c']],
    ['a\n\n', 2, ['a', '']],
    ['\n', 1, ['']],
    ['é\nü\n', 1, ['ü']],
  ])('%j, %i lines', (text, count, lines) => {
    expect(tail(text, count)).toEqual({ lines, position: Buffer.byteLength(text) })
  })

  it('lines longer than a block, and more of them than fit in one', () => {
    const long = 'x'.repeat(200_000)
    expect(tail(`first\n${long}\nlast\n`, 2).lines).toEqual([long, 'last'])
    const many = Array.from({ length: 50_000 }, (_, n) => `line ${n}`)
    expect(tail(`${many.join('\n')}\n`, 1000).lines).toEqual(many.slice(-1000))
  })

  it('no lines: a line that is being written is followed from its start', () => {
    expect(tail('a\nhalf', 0)).toEqual({ lines: [], position: 2 })
  })
})

describe('createFollower', () => {
  const lines: string[] = []
  let follower: Follower
  beforeEach(() => {
    lines.length = 0
    follower = createFollower()
  })
  afterEach(() => follower[Symbol.dispose]())
  const follow = (position = 0): void =>
    follower.add({ path, position, onLine: (line) => lines.push(line) })
  const seen = (...expected: string[]): Promise<unknown> =>
    until(() => lines.length >= expected.length || undefined, 4000).then(() =>
      expect(lines).toEqual(expected),
    )

  it('what is appended, a line once it is whole', async () => {
    writeFileSync(path, 'old\n')
    follow(4)
    appendFileSync(path, 'one\ntw')
    appendFileSync(path, 'o\n')
    await seen('one', 'two')
  })

  it('a file that comes later', async () => {
    follow()
    writeFileSync(path, 'first\n')
    await seen('first')
  })

  it('rotation: the rest of the old file first, then the new one', async () => {
    writeFileSync(path, 'a\n')
    follow()
    appendFileSync(path, 'b\n')
    renameSync(path, `${path}.1`)
    appendFileSync(`${path}.1`, 'c\nno newline')
    writeFileSync(path, 'd\n')
    await seen('a', 'b', 'c', 'no newline', 'd')
  })

  /** As the supervisor does it: the newest rotated file stays plain, the others are packed. */
  const rotate = (kept: number, compress = false): void => {
    rmSync(`${path}.${kept}`, { force: true })
    rmSync(`${path}.${kept}.gz`, { force: true })
    for (let number = kept - 1; number >= 1; number -= 1) {
      for (const suffix of ['', '.gz']) {
        if (statSync(`${path}.${number}${suffix}`, { throwIfNoEntry: false }) !== undefined)
          renameSync(`${path}.${number}${suffix}`, `${path}.${number + 1}${suffix}`)
      }
    }
    renameSync(path, `${path}.1`)
    const plain = statSync(`${path}.2`, { throwIfNoEntry: false })
    if (!compress || plain === undefined) return
    writeFileSync(`${path}.2.gz`, gzipSync(readFileSync(`${path}.2`)))
    utimesSync(`${path}.2.gz`, plain.atime, plain.mtime)
    rmSync(`${path}.2`)
  }
  let clock = 1_700_000_000
  const write = (line: string): void => {
    writeFileSync(path, `${line}\n`)
    utimesSync(path, (clock += 1.25), clock)
  }

  it.each([false, true])(
    'rotated many times meanwhile (packed: %s): each file in its order',
    async (compress) => {
      write('0')
      follow()
      await seen('0')
      for (const line of ['1', '2', '3', '4', '5']) {
        rotate(9, compress)
        write(line)
      }
      await seen('0', '1', '2', '3', '4', '5')
    },
  )

  it('rotated away before it could be read: said so, and what is left is read', async () => {
    write('0')
    follow()
    await seen('0')
    for (const line of ['1', '2', '3', '4', '5']) {
      rotate(2)
      write(line)
    }
    await seen('0', expect.stringContaining('lines may be missing here') as string, '3', '4', '5')
  })

  it('truncation: from the beginning again', async () => {
    writeFileSync(path, 'a long first line\n')
    follow()
    await seen('a long first line')
    truncateSync(path)
    appendFileSync(path, 'b\n')
    await seen('a long first line', 'b')
  })

  it('characters that were cut in the middle', async () => {
    const bytes = Buffer.from('größe\n')
    writeFileSync(path, bytes.subarray(0, 3))
    follow()
    appendFileSync(path, bytes.subarray(3))
    await seen('größe')
  })

  it('many lines at once, all of them in order', async () => {
    const many = Array.from({ length: 200_000 }, (_, n) => `line ${n}`)
    writeFileSync(path, `${many.join('\n')}\n`)
    follow()
    await until(() => lines.length === many.length || undefined, 4000)
    expect(lines).toEqual(many)
  })
})

const source = (given: Partial<LogSource> = {}): LogSource => ({
  path,
  stream: 'out',
  app: 'api',
  namespace: 'default',
  id: 3,
  ...given,
})

describe('createLinePrinter', () => {
  const print = (
    style: Partial<LineStyle>,
    ...calls: [LogSource, string, boolean?][]
  ): { stdout: string; stderr: string } => {
    const io = fakeIo()
    const whole = {
      raw: false,
      json: false,
      format: false,
      timestamp: undefined,
      highlight: undefined,
      ...style,
    }
    const line = createLinePrinter({
      io,
      palette: plainPalette,
      style: whole,
      nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    })
    for (const [from, text, isStreamed = true] of calls) line(from, text, isStreamed)
    return { stdout: io.stdout(), stderr: io.stderr() }
  }

  it('prefixes with id and name, in one column', () => {
    const { stdout } = print(
      {},
      [source({ app: 'long-name' }), 'a'],
      [source({ id: undefined }), 'b'],
    )
    expect(stdout).toBe('3|long-name | a\napi         | b\n')
  })

  it('raw: as it is, standard error on standard error', () => {
    expect(print({ raw: true }, [source(), 'a'], [source({ stream: 'err' }), 'b'])).toEqual({
      stdout: 'a\n',
      stderr: 'b\n',
    })
  })

  it('json: a record a line', () => {
    const { stdout } = print({ json: true }, [source({ stream: 'err' }), 'a "b"'])
    expect(JSON.parse(stdout)).toEqual({
      message: 'a "b"',
      timestamp: '2026-01-02T03:04:05.000Z',
      type: 'err',
      process_id: 3,
      app_name: 'api',
    })
  })

  it('format: key=value', () => {
    expect(print({ format: true }, [source(), 'x y']).stdout).toMatch(
      /^timestamp=2026-01-0\d-\d\d:04:05[+-]\d{4} app=api id=3 type=out message=x y\n$/,
    )
  })

  it('timestamp: on lines that are followed only', () => {
    const { stdout } = print(
      { timestamp: 'YYYY' },
      [source(), 'old', false],
      [source(), 'new', true],
    )
    expect(stdout).toBe('3|api | old\n2026 3|api | new\n')
  })

  it('highlight: each place of the word', () => {
    const io = fakeIo()
    const style = { raw: true, json: false, format: false, timestamp: undefined, highlight: 'b' }
    createLinePrinter({ io, palette: chalkPalette, style, nowMs: Date.now })(source(), 'abcb', true)
    expect(io.stdout().split('\u001b[43m')).toHaveLength(3)
  })

  it('each app has a colour of its own, and keeps it', () => {
    const io = fakeIo()
    const style = {
      raw: false,
      json: false,
      format: false,
      timestamp: undefined,
      highlight: undefined,
    }
    const line = createLinePrinter({ io, palette: chalkPalette, style, nowMs: Date.now })
    for (const app of ['a', 'b', 'a']) line(source({ app }), '', true)
    const [first, second, third] = io.stdout().split('\n')
    expect(third).toBe(first)
    expect(second).not.toBe(first?.replace('|a', '|b'))
  })
})

describe('sources', () => {
  const home = homePaths('/h')
  const both = { out: true, err: true }

  it('one a file; a shared file belongs to no id', () => {
    const views = [sampleView(), sampleView({ id: 1 })]
    expect(
      sourcesOf([sampleDetail(views)], home, both).map(({ path: file, id }) => [file, id]),
    ).toEqual([
      ['/h/logs/api-out.log', undefined],
      ['/h/logs/api-error.log', undefined],
    ])
    const own = sourcesOf([sampleDetail(views, { mode: 'cluster' })], home, {
      out: true,
      err: false,
    })
    expect(own.map(({ path: file, id, stream }) => [file, id, stream])).toEqual([
      ['/h/logs/api-out-0.log', 0, 'out'],
      ['/h/logs/api-out-1.log', 1, 'out'],
    ])
  })

  it('a stream that is switched off has none', () => {
    const { logs } = sampleDetail([]).record.spec
    const off = { logs: { ...logs, outFile: '/dev/null' } }
    expect(
      sourcesOf([sampleDetail([sampleView()], off)], home, both).map(({ stream }) => stream),
    ).toEqual(['err'])
  })

  it('without a daemon: by the names of the files', () => {
    const paths = homePaths(folder)
    expect(sourcesByName({ ...paths, logsDir: folder }, undefined, both)).toEqual([])
    for (const file of ['my-app-out-2.log', 'my-app-error.log', 'other-out.log', 'x.txt'])
      writeFileSync(join(folder, file), '')
    const found = sourcesByName({ ...paths, logsDir: folder }, ['my app'], both)
    expect(found.map(({ app, id, stream }) => [app, id, stream])).toEqual([
      ['my-app', undefined, 'err'],
      ['my-app', 2, 'out'],
    ])
  })
})

describe('lbm logs --nostream', () => {
  it('prints the last lines of every file with headers, and ends', async () => {
    const outFile = join(folder, 'o.log')
    writeFileSync(outFile, 'one\ntwo\nthree\n')
    const { logs } = sampleDetail([]).record.spec
    const detail = sampleDetail([sampleView()], {
      logs: { ...logs, outFile, errorFile: join(folder, 'none.log') },
    })
    await using fake = await startFakeDaemon({ 'app.describe': () => ({ apps: [detail] }) })
    const { stdout, exitCode } = await runIn(
      fake.home.root,
      'logs',
      'api',
      '--lines',
      '2',
      '--nostream',
    )
    expect(exitCode).toBe(0)
    expect(stdout).toBe(
      `[TAILING] Last 2 lines for [api] (change it by --lines)\n${outFile} last 2 lines:\n0|api | two\n0|api | three\n`,
    )
    expect(
      (await runIn(fake.home.root, 'logs', 'api', '--lines', '1', '--nostream', '--raw')).stdout,
    ).toBe('three\n')
    expect(
      (await runIn(fake.home.root, 'logs', 'api', '--err', '--nostream', '--raw')).stdout,
    ).toBe('')
  })
})
