import { describe, expect, it, test } from 'vitest'

import { chalkPalette } from '../../../src/cli/output/chalk-palette.ts'
import { hasWideText, instanceTable } from '../../../src/cli/output/instance-table.ts'
import { miniList } from '../../../src/cli/output/mini-list.ts'
import { plainPalette } from '../../../src/cli/output/palette.ts'
import { sortViews } from '../../../src/cli/output/sort-views.ts'
import { wideWidth } from '../../../src/cli/output/wide-width.ts'
import type { InstanceView } from '../../../src/contract/instance.ts'
import { sampleView } from './sample-view.ts'

const NOW = 1_060_000
const draw = (views: InstanceView[], columns?: number): string =>
  instanceTable(views, { palette: plainPalette, nowMs: NOW, columns, wideWidth })

const VIEWS = [
  sampleView(),
  sampleView({
    id: 1,
    name: 'worker',
    phase: 'backoff',
    pid: 0,
    restarts: 12,
    watching: 'suspended',
  }),
]

describe('the whole table', () => {
  it('has the columns of PM2 in its order', () => {
    expect(draw(VIEWS)).toMatchInlineSnapshot(`
      "┌────┬────────┬───────────┬─────────┬──────┬──────┬────────┬────┬─────────────────┬──────┬────────┬────────┬───────────┐
      │ id │ name   │ namespace │ version │ mode │ pid  │ uptime │ ↺  │ status          │ cpu  │ mem    │ user   │ watching  │
      ├────┼────────┼───────────┼─────────┼──────┼──────┼────────┼────┼─────────────────┼──────┼────────┼────────┼───────────┤
      │ 0  │ api    │ default   │ 1.0.0   │ fork │ 4100 │ 60s    │ 0  │ online          │ 1.3% │ 51.3mb │ tester │ disabled  │
      │ 1  │ worker │ default   │ 1.0.0   │ fork │ N/A  │ 0      │ 12 │ waiting restart │ 1.3% │ 51.3mb │ tester │ suspended │
      └────┴────────┴───────────┴─────────┴──────┴──────┴────────┴────┴─────────────────┴──────┴────────┴────────┴───────────┘"
    `)
  })

  it('is a header when there is nothing', () => {
    expect(draw([])).toMatchInlineSnapshot(`
      "┌────┬──────┬───────────┬─────────┬──────┬─────┬────────┬───┬────────┬─────┬─────┬──────┬──────────┐
      │ id │ name │ namespace │ version │ mode │ pid │ uptime │ ↺ │ status │ cpu │ mem │ user │ watching │
      └────┴──────┴───────────┴─────────┴──────┴─────┴────────┴───┴────────┴─────┴─────┴──────┴──────────┘"
    `)
  })

  it('shows connections of what listens', () => {
    const balance = {
      policy: 'sticky',
      openConnections: 7,
      accepted: 9,
      acceptedPerSecond: 2.25,
      inRotation: true,
      loopUtilisation: 0.1,
      loopDelayMs: 1,
    }
    const text = draw([
      sampleView({ balance, listening: [{ address: '::', port: 80 }] }),
      sampleView({ id: 1, balance }),
    ])
    const [, header, , listening, silent] = text.split('\n')
    expect(header).toMatch(/│ conns │ conn\/s │ balance │$/)
    expect(listening).toMatch(/│ 7 +│ 2\.3 +│ sticky +│$/)
    expect(silent).toMatch(/│ +│ +│ +│$/)
  })
})

describe('a narrow terminal', () => {
  test.each([200, 120, 100, 80, 60, 45, 40])('of %i columns gets lines that fit', (columns) => {
    const lines = draw(
      [...VIEWS, sampleView({ id: 2, name: 'a-name-that-is-rather-long' })],
      columns,
    ).split('\n')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(columns, 58))
  })

  it('keeps id, name, status, cpu and memory', () => {
    expect(draw([sampleView()], 40).split('\n')[1]).toBe('│ id │ name │ status │ cpu  │ mem    │')
  })

  it('shortens long names last', () => {
    expect(draw([sampleView({ name: 'a-name-that-is-rather-long' })], 45)).toContain('a-name-tha…')
  })
})

describe('text', () => {
  it('of other scripts keeps the columns straight', () => {
    const views = [sampleView({ name: '服务器' }), sampleView({ id: 1, name: 'été' })]
    expect(hasWideText(views)).toBe(true)
    const [, , , wide, narrow] = draw(views).split('\n')
    expect(wideWidth(wide ?? '')).toBe(wideWidth(narrow ?? ''))
  })

  it('that is Latin needs no table of widths', () => {
    expect(hasWideText([sampleView({ name: 'été' })])).toBe(false)
  })

  it('has the colours of PM2', () => {
    const text = instanceTable(VIEWS, { palette: chalkPalette, nowMs: NOW, columns: undefined })
    expect(text).toContain('\u001b[32monline\u001b[39m')
    expect(text).toContain('\u001b[31mwaiting restart\u001b[39m')
  })
})

describe('miniList', () => {
  it('is a block an instance', () => {
    expect(miniList([sampleView()], { palette: plainPalette, nowMs: NOW })).toMatchInlineSnapshot(`
      "+--- api
      namespace    : default
      version      : 1.0.0
      pid          : 4100
      id           : 0
      status       : online
      mode         : fork
      restarted    : 0
      uptime       : 60s
      cpu          : 1.3%
      memory usage : 51.3mb
      user         : tester
      watching     : disabled
      "
    `)
  })
})

describe('sortViews', () => {
  const views = [
    sampleView({ id: 2, cpuPercent: 5, startedAt: 3 }),
    sampleView({ id: 1, cpuPercent: 9, startedAt: 1 }),
  ]
  test.each([
    ['cpu', [2, 1]],
    ['cpu:desc', [1, 2]],
    ['id', [1, 2]],
    ['name', [1, 2]],
    ['uptime:desc', [1, 2]],
  ])('%s', (order, ids) => {
    expect(sortViews(views, order).map(({ id }) => id)).toEqual(ids)
  })
  test.each(['nme', 'cpu:down'])('%s is wrong usage', (order) => {
    expect(() => sortViews(views, order)).toThrow(/--sort/)
  })
})
