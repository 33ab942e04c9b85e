import stringWidth from 'string-width'
import { describe, expect, it, test } from 'vitest'

import { keysIn, moveSelection } from '../../../src/cli/monit/keys.ts'
import { drawScreen, type Screen, type ScreenOptions } from '../../../src/cli/monit/screen.ts'
import { plainPalette } from '../../../src/cli/output/palette.ts'
import { sampleView } from './sample-view.ts'

const MB = 1024 * 1024
const views = [
  sampleView({ id: 0, name: 'api', cpuPercent: 50, memoryBytes: 100 * MB }),
  sampleView({ id: 1, name: 'api', cpuPercent: 250, memoryBytes: 50 * MB, restarts: 3 }),
  sampleView({ id: 4, name: 'worker', phase: 'stopped', pid: 0, cpuPercent: 0, memoryBytes: 0 }),
]
const screen = (given: Partial<Screen> = {}): Screen => ({
  views,
  selectedId: undefined,
  lines: [],
  ...given,
})
const draw = (given: Partial<Screen> = {}, options: Partial<ScreenOptions> = {}): string[] =>
  drawScreen(screen(given), {
    palette: plainPalette,
    nowMs: 1_060_000,
    columns: 110,
    rows: 12,
    wideWidth: stringWidth,
    ...options,
  })

describe('the screen', () => {
  it('has the list with bars, the facts of the selected one, its last lines and the keys', () => {
    const lines = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
    expect(draw({ lines, selectedId: 1 })).toEqual([
      ' lbm monit   3 instances',
      '     0 api                      online          cpu █████░░░░░  50%  mem ██████████ 100.0mb  ↺ 0',
      ' ▸   1 api                      online          cpu ██████████ 250%  mem █████░░░░░  50.0mb  ↺ 3',
      '     4 worker                   stopped         cpu ░░░░░░░░░░   0%  mem ░░░░░░░░░░      0b  ↺ 0',
      expect.stringMatching(/^── api \(1\) ─+…$/),
      ' pid 4100   up 60s   fork mode   version 1.0.0',
      'three',
      'four',
      'five',
      'six',
      'seven',
      ' ↑ ↓ choose   PgUp PgDn Home End   q quit',
    ])
  })

  it('metrics of @pm2/io and listening addresses are among the facts', () => {
    const view = sampleView({
      listening: [{ address: '::', port: 3000 }],
      axmMonitor: { 'Heap Size': { value: 12, unit: 'MiB' }, plain: 7 },
    })
    const text = draw({ views: [view] }).join('\n')
    expect(text).toContain('listens on [::]:3000')
    expect(text).toContain('Heap Size 12MiB   plain 7')
  })

  it('control sequences of a log never reach the terminal', () => {
    const text = draw({ lines: ['\u001b[31mred\u001b[0m\u001b[2J', 'a\tb\r\u0007c'] }).join('\n')
    expect(text).toContain('\nred\na  bc\n')
  })

  test.each([
    [110, 12],
    [40, 5],
    [20, 3],
    [1, 1],
    [200, 60],
  ])('%i × %i: exactly so many lines, none of them wider', (columns, rows) => {
    const lines = ['漢字'.repeat(60), 'x'.repeat(500), '👩‍👩‍👧 family']
    const drawn = draw(
      { lines, views: [...views, sampleView({ id: 9, name: '名前' })] },
      { columns, rows },
    )
    expect(drawn).toHaveLength(rows)
    for (const line of drawn) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
  })

  it('of more instances than rows, the selected one is among those shown', () => {
    const many = Array.from({ length: 50 }, (_, id) => sampleView({ id, name: `app-${id}` }))
    for (const selectedId of [0, 25, 49])
      expect(draw({ views: many, selectedId }).join('\n')).toContain(
        `▸ ${String(selectedId).padStart(3)} app-`,
      )
  })

  it('without instances says so', () => {
    expect(draw({ views: [] })[1]).toBe(' There is no app: lbm start <script>')
    expect(draw({ views: [], message: 'The daemon is not running.' })[1]).toContain('not running')
  })
})

describe('keys', () => {
  test.each([
    ['\u001b[B', ['down']],
    ['\u001bOA', ['up']],
    ['jjk', ['down', 'down', 'up']],
    ['\u001b[B\u001b[5~q', ['down', 'page-up', 'quit']],
    ['\u0003', ['quit']],
    ['\u001b[99;5Z?', []],
  ])('%j is %j', (text, keys) => {
    expect(keysIn(text)).toEqual(keys)
  })

  test.each([
    [undefined, 'down', 1],
    [1, 'down', 4],
    [4, 'down', 4],
    [0, 'up', 0],
    [0, 'last', 4],
    [4, 'first', 0],
    [99, 'down', 1],
  ] as const)('from %s, %s selects %i', (selectedId, key, id) => {
    expect(moveSelection(screen({ selectedId }), key)).toBe(id)
  })

  it('with nothing to select, nothing is', () => {
    expect(moveSelection(screen({ views: [] }), 'down')).toBeUndefined()
  })
})
