import fc from 'fast-check'
import { expect, test } from 'vitest'

import { lineFormat, loadDateFormat } from '../../../daemon/supervisor/logs/line-format.ts'
import type { EpochMs } from '../../../src/contract/units.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

const origin = { appName: 'api "x" $&', id: 3, type: 'err' } as const
const wall = (): EpochMs => Date.UTC(2026, 0, 2, 3, 4, 5, 678) as EpochMs
const spec = sampleSpec().logs

test('raw lines without a date have no format', () => {
  expect(lineFormat(spec, origin, { wall, formatDate: undefined })).toBeUndefined()
})

test('each line gets the date, bytes that are not UTF-8 stay', () => {
  const format = lineFormat(spec, origin, { wall, formatDate: () => '3ª hora' })
  const lines = Buffer.concat([
    Buffer.from('eins ü\n\nzwei '),
    Buffer.of(0xff, 0xfe),
    Buffer.from('\n'),
  ])
  const prefix = Buffer.from('3ª hora: ')
  expect(format?.(lines)).toEqual(
    Buffer.concat([
      prefix,
      Buffer.from('eins ü\n'),
      prefix,
      Buffer.from('\n'),
      prefix,
      Buffer.from('zwei '),
      Buffer.of(0xff, 0xfe, 10),
    ]),
  )
})

test('JSON: one valid record a line, whatever is in it', () => {
  const format = lineFormat({ ...spec, type: 'json' }, origin, { wall, formatDate: undefined })
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\n', '')),
      ),
      (messages) => {
        const written =
          format?.(
            Buffer.from(messages.map((message) => `${message}\n`).join('') || '\n'),
          ).toString() ?? ''
        const records = written
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>)
        expect(records.map(({ message }) => message)).toEqual(
          messages.length === 0 ? [''] : messages.map((text) => Buffer.from(text).toString()),
        )
        expect(records[0]).toMatchObject({
          timestamp: '2026-01-02T03:04:05.678Z',
          type: 'err',
          process_id: 3,
          app_name: 'api "x" $&',
        })
      },
    ),
  )
})

test('JSON: a line over 64 KiB is marked and not cut', () => {
  const format = lineFormat({ ...spec, type: 'json' }, origin, { wall, formatDate: () => 'now' })
  const record: unknown = JSON.parse(
    format?.(Buffer.from(`${'x'.repeat(200_000)}\n`)).toString() ?? '',
  )
  expect(record).toMatchObject({ message: 'x'.repeat(200_000), long: true, timestamp: 'now' })
})

test.each([
  ['YYYY-MM-DD HH:mm:ss', 400, false],
  ['HH:mm:ss.SSS', 400, true],
  ['HH:mm:ss [SSS]', 400, false],
  ['YYYY-MM-DD HH:mm:ss', 1000, true],
])('%s: a date %d ms later differs: %s', async (pattern, laterMs, differs) => {
  const format = await loadDateFormat(pattern)
  const at = Math.floor(wall() / 1000) * 1000
  expect(format(at as EpochMs) !== format((at + laterMs) as EpochMs)).toBe(differs)
})

test('the name before each line, and pairs, for those who read the output of several apps in one stream', () => {
  const make = (type: 'prefixed' | 'pairs', formatDate?: () => string) =>
    lineFormat({ ...spec, type }, { ...origin, appName: 'api' }, { wall, formatDate })
  expect(make('prefixed')?.(Buffer.from('a\nb\n')).toString()).toBe('3|api | a\n3|api | b\n')
  expect(make('prefixed', () => '12:00')?.(Buffer.from('a\n')).toString()).toBe(
    '12:00: 3|api | a\n',
  )
  expect(make('pairs')?.(Buffer.from('a\n')).toString()).toBe(
    'timestamp=2026-01-02T03:04:05.678Z app=api id=3 type=error message=a\n',
  )
})

test.each([
  [['a\\nb', 'c\\', '\\\\n', '']],
  [['x'.repeat(65_536), 'short', 'y'.repeat(65_536)]],
  [['short', 'x'.repeat(65_537), 'end']],
  [['short', 'x'.repeat(65_537)]],
])('JSON: backslashes are no newlines, and what is longer than 64 Ki is marked', (messages) => {
  const format = lineFormat({ ...spec, type: 'json' }, origin, { wall, formatDate: undefined })
  const written = format?.(Buffer.from(`${messages.join('\n')}\n`)).toString() ?? ''
  const records = written
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string; long?: boolean })
  expect(records.map(({ message, long }) => [message, long])).toEqual(
    messages.map((message) => [message, message.length > 65_536 ? true : undefined]),
  )
})
