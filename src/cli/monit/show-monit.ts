/** `lbm monit` on a terminal: asks, draws, listens to keys, and leaves the terminal as it was. */

import { isDaemonDown } from '../../client/call.ts'
import { ask, type Cli } from '../cli.ts'
import { byName } from '../commands/list.ts'
import { paletteFor } from '../io.ts'
import { wideWidth } from '../output/wide-width.ts'
import { keysIn, moveSelection } from './keys.ts'
import { drawScreen, type Screen, selectedView } from './screen.ts'
import { showLines, type ShownLines } from './shown-lines.ts'

const PERIOD_MS = 800
const USUAL = { columns: 80, rows: 24 }

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const TO_END_OF_LINE = '\u001b[K'

/** Until the user quits. A daemon that is gone is waited for. */
export async function showMonit(cli: Cli): Promise<void> {
  const palette = await paletteFor(cli.io)
  const { stdin, stdout } = process
  let screen: Screen = { views: [], selectedId: undefined, lines: [] }
  let shown: ShownLines | undefined

  const draw = (): void => {
    // A terminal that does not know its size says 0.
    const columns = stdout.columns || USUAL.columns
    const rows = stdout.rows || USUAL.rows
    const lines = drawScreen(screen, { palette, nowMs: Date.now(), columns, rows, wideWidth })
    cli.io.write(HOME + lines.map((line) => `${line}${TO_END_OF_LINE}`).join('\r\n'))
  }
  const followSelected = async (): Promise<void> => {
    const id = selectedView(screen)?.id
    if (id !== shown?.id) {
      shown?.[Symbol.dispose]()
      shown = id === undefined ? undefined : await showLines(cli, id)
    }
    screen = { ...screen, lines: shown?.lines ?? [] }
  }
  const refresh = async (): Promise<void> => {
    try {
      const { instances } = await ask(cli, 'app.list', {})
      screen = { ...screen, views: byName(instances), message: undefined }
    } catch (error) {
      if (!isDaemonDown(error)) throw error
      screen = { ...screen, views: [], message: 'The daemon is not running.' }
    }
    await followSelected()
    draw()
  }

  await new Promise<void>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    let isOver = false
    const end = (error?: unknown): void => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      shown?.[Symbol.dispose]()
      stdout.off('resize', draw)
      stdin.off('data', onKeys).pause()
      stdin.setRawMode(false)
      cli.io.write(LEAVE)
      if (error === undefined) resolve()
      else reject(error as Error)
    }
    // One after the other: a key that comes while the daemon is asked waits for its answer.
    let last: Promise<void> = Promise.resolve()
    const inTurn = (run: () => Promise<void>): Promise<void> => {
      last = last.then(() => (isOver ? undefined : run())).catch(end)
      return last
    }
    const onKeys = (text: string): void => {
      const keys = keysIn(text)
      if (keys.includes('quit')) {
        end()
        return
      }
      for (const key of keys) screen = { ...screen, selectedId: moveSelection(screen, key) }
      draw()
      void inTurn(followSelected).then(() => isOver || draw())
    }
    const repeat = (): void => {
      void inTurn(refresh).then(() => {
        if (!isOver) timer = setTimeout(repeat, PERIOD_MS)
      })
    }

    cli.io.write(ENTER)
    stdin.setRawMode(true)
    stdin
      .setEncoding('utf8')
      .on('data', onKeys)
      .on('end', () => end())
    stdout.on('resize', draw)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end())
    repeat()
  })
}
