/** `lbm logs`: the last lines of each file, then what comes. The daemon is asked for names only; the files are read here. */

import { closeSync, openSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { openConnection } from '../../client/connection.ts'
import { createFollower } from '../../client/logs/follow.ts'
import type { LogSource } from '../../client/logs/sources.ts'
import type { LbmEvent } from '../../contract/events.ts'
import { type Cli, homeOf } from '../cli.ts'
import { paletteFor } from '../io.ts'
import { gathered } from './gathered.ts'
import { createLinePrinter, type LineStyle, type PrintLine } from './line-printer.ts'
import { readTail } from './tail.ts'

export interface ShowLogs {
  sources: LogSource[]
  selectors: string[]
  style: LineStyle
  /** Of each file. */
  lines: number
  follow: boolean
  /** Asks again: there are new instances. */
  findSources: () => Promise<LogSource[]>
}

/** A daemon that comes back is listened to again. */
const RECONNECT_MS = 1000

/** With `follow`, runs until the process is interrupted. */
export async function showLogs(cli: Cli, options: ShowLogs): Promise<void> {
  const { io } = cli
  const { style, lines } = options
  const palette = await paletteFor(io)
  const print = createLinePrinter({ io, palette, style, nowMs: Date.now })
  const hasHeaders = !style.raw && !style.json && !style.format && !cli.silent
  if (hasHeaders && lines > 0) {
    io.out(
      palette.grey(
        `[TAILING] Last ${lines} lines for [${options.selectors.join(' ')}] (change it by --lines)`,
      ),
    )
  }
  const positions = new Map<string, number>()
  for (const source of byChange(options.sources)) {
    const header = hasHeaders
      ? () => io.out(palette.grey(`${source.path} last ${lines} lines:`))
      : undefined
    positions.set(source.path, printTail(source, lines, print, header))
  }
  if (!options.follow) return
  const following = gathered(io)
  const printComing = createLinePrinter({ io: following, palette, style, nowMs: Date.now })
  await follow({ ...cli, io: following }, options, positions, printComing)
}

/** The file that was written to last comes last, next to what follows. */
function byChange(sources: readonly LogSource[]): LogSource[] {
  const changedAt = ({ path }: LogSource): number =>
    statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return sources
    .map((source) => ({ source, at: changedAt(source) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ source }) => source)
}

/** @returns where following goes on */
function printTail(
  source: LogSource,
  count: number,
  print: PrintLine,
  header: (() => void) | undefined,
): number {
  let fd: number
  try {
    fd = openSync(source.path, 'r')
  } catch {
    return 0 // nothing was written yet
  }
  try {
    const { lines, position } = readTail(fd, count)
    if (lines.length > 0) header?.()
    for (const line of lines) print(source, line, false)
    return position
  } finally {
    closeSync(fd)
  }
}

async function follow(
  cli: Cli,
  options: ShowLogs,
  positions: ReadonlyMap<string, number>,
  print: PrintLine,
): Promise<void> {
  using follower = createFollower()
  const add = (source: LogSource, position: number): void =>
    follower.add({ path: source.path, position, onLine: (line) => print(source, line, true) })
  for (const source of options.sources) add(source, positions.get(source.path) ?? 0)

  const addNew = async (): Promise<void> => {
    // From their beginning: they are new since this began.
    for (const source of await options.findSources()) add(source, 0)
  }
  const onEvent = (event: LbmEvent): void => {
    if (options.style.json) printStatus(cli, event)
    if (event.type === 'instance.started') addNew().catch(() => undefined) // the app is gone again
  }
  for (;;) {
    await listen(cli, options.selectors, onEvent)
    await delay(RECONNECT_MS)
  }
}

/** Until the connection ends; that there is no daemon does not end the logs. */
async function listen(
  cli: Cli,
  selectors: string[],
  onEvent: (event: LbmEvent) => void,
): Promise<void> {
  try {
    using connection = await openConnection({
      socketPath: homeOf(cli).socket,
      onNotification: (method, params) => {
        if (method === 'event') onEvent(params as LbmEvent)
      },
    })
    await connection.request('events.subscribe', { selectors })
    await connection.closed
  } catch {
    return
  }
}

const STATUS_OF_EVENT: Partial<Record<LbmEvent['type'], string>> = {
  'instance.ready': 'online',
  'instance.exited': 'exit',
  'instance.stopping': 'stop',
  'instance.errored': 'errored',
}

/** What PM2's `logs --json` says of an app's life. */
function printStatus({ io }: Cli, { type, atMs, app }: LbmEvent): void {
  const status = STATUS_OF_EVENT[type]
  if (status === undefined) return
  io.out(
    JSON.stringify({
      timestamp: new Date(atMs).toISOString(),
      type: 'process_event',
      status,
      app_name: app,
    }),
  )
}
