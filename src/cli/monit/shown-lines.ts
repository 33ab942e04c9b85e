/** The last lines of one instance, growing as it prints. */

import { closeSync, openSync } from 'node:fs'

import { createFollower } from '../../client/logs/follow.ts'
import { sourcesOf } from '../../client/logs/sources.ts'
import { isLbmError } from '../../contract/errors.ts'
import { ask, type Cli, homeOf } from '../cli.ts'
import { readTail } from '../logs/tail.ts'

/** More than the highest terminal shows. */
const MAX_LINES = 200

export interface ShownLines extends Disposable {
  id: number
  lines: readonly string[]
}

export async function showLines(cli: Cli, id: number): Promise<ShownLines> {
  const follower = createFollower()
  const lines: string[] = []
  for (const path of await logPaths(cli, id)) {
    const tail = readEnd(path)
    lines.push(...tail.lines)
    follower.add({
      path,
      position: tail.position,
      onLine: (line) => {
        lines.push(line)
        if (lines.length > MAX_LINES) lines.shift()
      },
    })
  }
  return { id, lines, [Symbol.dispose]: () => follower[Symbol.dispose]() }
}

/** None of one that was deleted meanwhile. */
async function logPaths(cli: Cli, id: number): Promise<string[]> {
  try {
    const { apps } = await ask(cli, 'app.describe', { selectors: [String(id)] })
    // Standard error first: what is printed goes on, and the end of the log is what is seen.
    return sourcesOf(apps, homeOf(cli), { out: true, err: true })
      .map(({ path }) => path)
      .toReversed()
  } catch (error) {
    if (isLbmError(error)) return []
    throw error
  }
}

function readEnd(path: string): { lines: string[]; position: number } {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return { lines: [], position: 0 } // nothing was written yet
  }
  try {
    return readTail(fd, MAX_LINES)
  } finally {
    closeSync(fd)
  }
}
