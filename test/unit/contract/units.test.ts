import { expect, test } from 'vitest'

import {
  formatBytes,
  formatDuration,
  formatUptime,
  parseBytes,
  parseDurationMs,
} from '../../../src/contract/units.ts'

test.each([
  [5000, 5000],
  ['5000', 5000],
  ['5s', 5000],
  [' 2m ', 120_000],
  ['1.5h', 5_400_000],
  ['1d', 86_400_000],
  ['250ms', 250],
  ['5 s', 5000],
  ['', undefined],
  ['5 sec', undefined],
  ['-5', undefined],
  [-5, undefined],
  [Number.NaN, undefined],
  [Infinity, undefined],
])('parseDurationMs %j → %j', (given, ms) => {
  expect(parseDurationMs(given)).toBe(ms)
})

test.each([
  [1048576, 1_048_576],
  ['200M', 209_715_200],
  ['1.5G', 1_610_612_736],
  ['64kb', 65_536],
  ['64KiB', 65_536],
  ['10', 10],
  ['1T', 1_099_511_627_776],
  ['100Q', undefined],
  ['M', undefined],
  [-1, undefined],
])('parseBytes %j → %j', (given, bytes) => {
  expect(parseBytes(given)).toBe(bytes)
})

test.each([
  [0, '0b'],
  [1023, '1023b'],
  [53_821_440, '51.3mb'],
  [1024 ** 4 * 3, '3.0tb'],
])('formatBytes %i → %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [-5, '0s'],
  [119_999, '119s'],
  [120_000, '2m'],
  [2 * 3_600_000 - 1, '119m'],
  [2 * 3_600_000, '2h'],
  [2 * 86_400_000, '2D'],
])('formatUptime %i → %s', (ms, text) => {
  expect(formatUptime(ms)).toBe(text)
})

test.each([
  [300, '300 ms'],
  [1500, '1.5 s'],
  [30_000, '30 s'],
])('formatDuration %i → %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
