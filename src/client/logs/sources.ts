/** Which files hold the output of which instances. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import type { AppDetail } from '../../contract/api.ts'
import type { HomePaths } from '../../contract/home.ts'
import { logFilesOf, sanitiseFileName } from '../../contract/log-files.ts'

export type Stream = 'out' | 'err'

export interface LogSource {
  path: string
  stream: Stream
  app: string
  namespace: string
  /** Undefined for a file that several instances share. */
  id: number | undefined
}

export interface StreamChoice {
  out: boolean
  err: boolean
}

const OFF = '/dev/null'

/** One source a file, in the order of the ids. */
export function sourcesOf(
  apps: readonly AppDetail[],
  home: HomePaths,
  choice: StreamChoice,
): LogSource[] {
  const byPath = new Map<string, LogSource>()
  for (const { record, instances } of apps) {
    const { spec } = record
    for (const { id } of instances) {
      const files = logFilesOf(spec, home.logsDir, id)
      const add = (path: string, stream: Stream): void => {
        if (path === OFF) return
        const known = byPath.get(path)
        if (known !== undefined) known.id = undefined
        else byPath.set(path, { path, stream, app: spec.name, namespace: spec.namespace, id })
      }
      if (choice.out) add(files.out, 'out')
      if (choice.err) add(files.error, 'err')
    }
  }
  return [...byPath.values()]
}

const LOG_FILE = /^(.+)-(out|error)(?:-(\d+))?\.log$/

/** Without a daemon, the default names still tell whose a file is. @param names undefined: every app */
export function sourcesByName(
  home: HomePaths,
  names: readonly string[] | undefined,
  choice: StreamChoice,
): LogSource[] {
  const wanted = names?.map(sanitiseFileName)
  return readFolder(home.logsDir).flatMap((file): LogSource[] => {
    const [, app, kind, id] = LOG_FILE.exec(file) ?? []
    const stream: Stream = kind === 'error' ? 'err' : 'out'
    if (app === undefined || !choice[stream] || (wanted !== undefined && !wanted.includes(app)))
      return []
    const path = join(home.logsDir, file)
    return [
      { path, stream, app, namespace: 'default', id: id === undefined ? undefined : Number(id) },
    ]
  })
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // nothing was ever logged
  }
}
