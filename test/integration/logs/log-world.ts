/** Real children, real files: what the supervisor has around a log sink. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { systemClock } from '../../../daemon/kernel/clock.ts'
import type { AttachedStream } from '../../../daemon/supervisor/logs/attached-stream.ts'
import type { LogLoss } from '../../../daemon/supervisor/logs/log-file.ts'
import { createLogFilesRegistry } from '../../../daemon/supervisor/logs/log-files-registry.ts'
import { createLogPipes } from '../../../daemon/supervisor/logs/log-pipe.ts'
import { type LogSink, openLogSink } from '../../../daemon/supervisor/logs/log-sink.ts'
import type { LogSpec } from '../../../src/contract/app.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

export type Via = 'pipe' | 'stream'

/** As the agent does it: `process.exit` may lose nothing. */
const BLOCKING = 'for (const s of [process.stdout, process.stderr]) s._handle?.setBlocking?.(true);'

export interface Running {
  child: ChildProcess
  out: AttachedStream
  error: AttachedStream
  /** The process is gone and its output written. */
  ended: Promise<void>
}

export interface LogWorld extends AsyncDisposable {
  dir: string
  losses: LogLoss[]
  open(spec?: Partial<LogSpec>, name?: string): LogSink
  /** Runs a Node program, given as text. */
  run(sink: LogSink, code: string, options?: { via?: Via; id?: number; graceMs?: number }): Running
  read(name: string): string
  /** Rotated files, oldest first, with the current one, as one text. */
  readAll(name: string): string
}

export function logWorld(dir: string = mkdtempSync(join(tmpdir(), 'lbm-logs-'))): LogWorld {
  const clock = systemClock()
  const registry = createLogFilesRegistry({ clock })
  const pipes = createLogPipes(join(dir, 'pipes'))
  const sinks: LogSink[] = []
  const children: ChildProcess[] = []
  const losses: LogLoss[] = []

  const read = (name: string): string => {
    const path = join(dir, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  return {
    dir,
    losses,
    open(spec = {}, name = 'app') {
      const sink = openLogSink({
        appName: name,
        spec: { ...sampleSpec().logs, ...spec },
        files: {
          out: spec.outFile ?? join(dir, `${name}-out.log`),
          error: spec.errorFile ?? join(dir, `${name}-error.log`),
          ...(spec.combinedFile === undefined ? {} : { combined: join(dir, `${name}.log`) }),
        },
        registry,
        clock,
        onDropped: (loss) => losses.push(loss),
      })
      sinks.push(sink)
      return sink
    },
    run(sink, code, { via = 'pipe', id = 0, graceMs = 5000 } = {}) {
      const ends = via === 'pipe' ? [pipes.open(), pipes.open()] : []
      const child = spawn(process.execPath, ['-e', BLOCKING + code], {
        stdio: ['pipe', ends[0]?.writeFd ?? 'pipe', ends[1]?.writeFd ?? 'pipe'],
      })
      for (const end of ends) end?.spawned()
      children.push(child)
      const instance = { id, pid: child.pid ?? 0 }
      const out = sink.attach(ends[0] ?? child.stdout!, 'out', instance)
      const error = sink.attach(ends[1] ?? child.stderr!, 'error', instance)
      const ended = once(child, 'exit').then(async () => {
        out.exited(graceMs)
        error.exited(graceMs)
        await Promise.all([out.ended, error.ended])
      })
      return { child, out, error, ended }
    },
    read,
    readAll(name) {
      const numbered = readdirSync(dir)
        .map((file) => ({ file, match: /^(.*)\.(\d+)(\.gz)?$/.exec(file) }))
        .filter(({ match }) => match?.[1] === name)
        .toSorted((a, b) => Number(b.match?.[2]) - Number(a.match?.[2]))
      const old = numbered.map(({ file }) => {
        const bytes = readFileSync(join(dir, file))
        return file.endsWith('.gz') ? gunzipSync(bytes).toString() : bytes.toString()
      })
      return old.join('') + read(name)
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL')
      for (const sink of sinks) await sink[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
      pipes[Symbol.dispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** `0 … count - 1`, each on a line, as the programs of these tests print them. */
export function numbers(count: number): string {
  return Array.from({ length: count }, (_, number) => `${number}\n`).join('')
}
