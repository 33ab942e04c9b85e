/** The sockets behind `NOTIFY_SOCKET`, one an instance, for programs that are not Node. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { createLineSplitter } from '../../../../src/contract/lines.ts'
import { HELPER_PROGRAMS, type HelperProgram } from './helper-programs.ts'
import { type Notification, parseNotification } from './notification.ts'

export interface NotifySocket extends Disposable {
  /** Value of `NOTIFY_SOCKET`. */
  readonly path: string
  /** Resolves when it can be sent to, or with why it never will. */
  readonly opened: Promise<string | undefined>
}

export interface NotifyHub extends Disposable {
  open(onNotification: (notification: Notification) => void): NotifySocket
  /** Of the helper, while there is one. */
  pid(): number | undefined
}

interface Open {
  path: string
  tell: (failure: string | undefined) => void
  onNotification: (notification: Notification) => void
}

const MAX_LINE_CHARS = 64 * 1024

export interface NotifyHubOptions {
  /** Made when it is needed, for this user alone. */
  dir: string
  /** Tried in this order. */
  programs?: readonly HelperProgram[]
  log: (event: string, fields: Record<string, unknown>) => void
}

export function createNotifyHub({
  dir,
  programs = HELPER_PROGRAMS,
  log,
}: NotifyHubOptions): NotifyHub {
  const sockets = new Map<string, Open>()
  let helper: ChildProcess | undefined
  let lastId = 0
  let isOver = false

  /** Starts the first program that is there; what is open is opened by it. */
  function startHelper(left: readonly HelperProgram[]): void {
    const [program, ...others] = left
    if (program === undefined) {
      const names = programs.map(({ file }) => file).join(' or ')
      for (const { tell } of sockets.values())
        tell(`NOTIFY_SOCKET needs ${names}, and finds none that works`)
      return
    }
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const child = spawn(program.file, program.args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    })
    helper = child
    child.on('error', () => {
      if (child.pid === undefined) startHelper(others)
    })
    child.stdin.on('error', () => undefined)
    let hasSpoken = false
    child.on('exit', (code, signal) => {
      if (isOver || helper !== child) return
      log('notify.helper-ended', { program: program.file, code, signal })
      helper = undefined
      // One that never said a word would not the next time, either.
      if (sockets.size > 0) startHelper(hasSpoken ? programs : others)
    })
    const lines = createLineSplitter(receive, MAX_LINE_CHARS)
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      hasSpoken = true
      lines.push(chunk)
    })
    for (const [id, { path }] of sockets) child.stdin.write(`open ${id} ${path}\n`)
  }

  function receive(line: string): void {
    const [verb = '', id = '', ...rest] = line.split(' ')
    const socket = sockets.get(id)
    if (socket === undefined) return
    if (verb === 'opened') socket.tell(undefined)
    else if (verb === 'failed') socket.tell(`NOTIFY_SOCKET cannot be made: ${rest.join(' ')}`)
    else if (verb === 'said') socket.onNotification(parseNotification(rest.join(' ')))
  }

  return {
    open(onNotification) {
      lastId += 1
      const id = String(lastId)
      const path = join(dir, id)
      let tell: Open['tell'] = () => undefined
      const opened = new Promise<string | undefined>((resolve) => {
        tell = resolve
      })
      sockets.set(id, { path, tell, onNotification })
      if (helper === undefined) startHelper(programs)
      else helper.stdin?.write(`open ${id} ${path}\n`)
      return {
        path,
        opened,
        [Symbol.dispose]() {
          if (sockets.delete(id)) helper?.stdin?.write(`close ${id}\n`)
        },
      }
    },
    pid: () => helper?.pid,
    [Symbol.dispose]() {
      isOver = true
      helper?.stdin?.end()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
