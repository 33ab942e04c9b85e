import { expect, test } from 'vitest'

import { APP_KEYS, type AppKeys } from '../../../src/config/app-keys.ts'
import { checkApp } from '../../../src/config/check-app.ts'
import { CONFIG_FILE_NAMES } from '../../../src/config/find-config-file.ts'
import { ecosystemJsonSchema } from '../../../src/config/json-schema.ts'
import { canonicalKey } from '../../../src/config/pm2-keys.ts'
import { DEFAULTS } from '../../../src/config/spec-defaults.ts'
import { parseBytes, parseDurationMs } from '../../../src/contract/units.ts'
import { firstCells, readPage } from '../../helpers/doc-pages.ts'

const page = readPage('docs/ecosystem-file.md')
const keys = Object.keys(APP_KEYS) as (keyof AppKeys)[]

const codeIn = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** `readiness.http.path` as it stands in the first cell of a row. */
const documented = firstCells(page).flatMap(codeIn)

function sectionOf(title: string): string {
  return page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
}

interface Properties {
  properties: Record<string, { anyOf?: { properties?: Record<string, unknown> }[] }>
}
const { app } = ecosystemJsonSchema({})['definitions'] as { app: Properties }

function nestedKeysOf(key: keyof AppKeys): string[] {
  return Object.keys(app.properties[key]?.anyOf?.[0]?.properties ?? {})
}

test('every key of the schema has a row, and every row a key', () => {
  const ignored = codeIn(sectionOf('Accepted for PM2’s sake'))
  const told = new Set([...documented, ...ignored])
  expect(keys.filter((key) => !told.has(key))).toEqual([])
  const known = documented.filter((key) => /^[a-z0-9_]+$/.test(key))
  const nested = new Set(keys.flatMap(nestedKeysOf))
  expect(known.filter((key) => canonicalKey(key) === undefined && !nested.has(key))).toEqual([])
})

test.each(['balance', 'readiness', 'on_crash'] as const)(
  '%s: every key inside has a row',
  (key) => {
    const told = new Set(documented)
    expect(nestedKeysOf(key).filter((nested) => !told.has(nested))).toEqual([])
  },
)

test('aliases: each leads to the key that the page says', () => {
  const rows = sectionOf('Other spellings')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  expect(rows.length).toBeGreaterThan(5)
  for (const row of rows) {
    const [, key = '', aliases = ''] = row.split('|')
    const [name] = codeIn(key)
    expect(codeIn(aliases).map(canonicalKey)).toEqual(codeIn(aliases).map(() => name))
  }
})

test.each([
  ['kill_timeout', DEFAULTS.killTimeoutMs],
  ['listen_timeout', DEFAULTS.listenTimeoutMs],
  ['min_uptime', DEFAULTS.minUptimeMs],
  ['hang_timeout', DEFAULTS.hangTimeoutMs],
  ['reload_min_uptime', DEFAULTS.reloadMinUptimeMs],
  ['drain_idle', DEFAULTS.drainIdleMs],
  ['drain_timeout', DEFAULTS.drainTimeoutMs],
  ['queue_timeout', DEFAULTS.queueTimeoutMs],
  ['watch_delay', DEFAULTS.watchDelayMs],
  ['log_max_size', DEFAULTS.logMaxSizeBytes],
  ['log_max_files', DEFAULTS.logMaxFiles],
])('%s: the default is the one that holds', (key, expected) => {
  const row = page.split('\n').find((line) => line.startsWith(`| \`${key}\` |`)) ?? ''
  const [, , , cell = ''] = row.split('|')
  const [text = ''] = codeIn(cell)
  const read = key === 'log_max_size' ? parseBytes : parseDurationMs
  expect(read(text)).toBe(expected)
})

test('the names that are looked for', () => {
  expect(CONFIG_FILE_NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

test('the example of the page holds', () => {
  const [example = ''] = /^```json example\n(.*?)^```$/ms.exec(page)?.slice(1) ?? []
  const { apps } = JSON.parse(example) as { apps: Record<string, unknown>[] }
  expect(apps.length).toBeGreaterThan(1)
  for (const one of apps) {
    const { problems, unknown } = checkApp(one, (key) => key)
    expect([...problems, ...unknown]).toEqual([])
  }
})
