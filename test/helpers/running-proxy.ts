/** A real nginx or HAProxy of a test's own, with everything of it in one folder. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { scanProcesses, signalAll, treeOf } from '../../daemon/kernel/process-tree.ts'
import { requireProgram } from './proxy-programs.ts'
import { until } from './until.ts'

export interface ProxyFolder extends Disposable {
  path: string
  file(name: string): string
}

export function proxyFolder(): ProxyFolder {
  // Not below `lbm-`, which is what homes begin with.
  const path = mkdtempSync(join(tmpdir(), 'proxy-'))
  // A proxy gives its rights up, and must reach the sockets below all the same.
  chmodSync(path, 0o755)
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

export interface RunningProxy extends AsyncDisposable {
  pid: number
  /** What it wrote of its troubles. */
  log(): string
  /** Ends it without a word. */
  kill(): Promise<void>
}

/** Options that lead `lbm proxy nginx` to the nginx of this folder. */
export function nginxPlace(folder: ProxyFolder, control: number): Record<string, string> {
  return {
    program: requireProgram('nginx'),
    conf: folder.file('nginx.conf'),
    out: folder.file('lbm-app.conf'),
    control: `127.0.0.1:${control}`,
  }
}

/** @param inside words before the program, such as those that enter a network namespace */
export async function startNginx(
  folder: ProxyFolder,
  { http = '', inside = [] }: { http?: string; inside?: string[] } = {},
): Promise<RunningProxy> {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => {
    mkdirSync(folder.file(name), { recursive: true })
    return `${name}_temp_path ${folder.file(name)};`
  })
  writeFileSync(
    folder.file('nginx.conf'),
    `daemon off; user root; worker_processes 2; pid ${folder.file('nginx.pid')};
     error_log ${folder.file('error.log')} notice;
     events { worker_connections 1024; }
     http { access_log off; ${temp.join(' ')} ${http} include ${folder.path}/lbm-*.conf; }`,
  )
  const child = run(inside, requireProgram('nginx'), [
    '-c',
    folder.file('nginx.conf'),
    '-e',
    folder.file('error.log'),
  ])
  await until(() => existsSync(folder.file('nginx.pid')) || undefined)
  return running(child, 'SIGTERM', () => readFileSync(folder.file('error.log'), 'utf8'))
}

export function haproxyPlace(folder: ProxyFolder): Record<string, string> {
  return {
    program: requireProgram('haproxy'),
    out: folder.file('lbm.cfg'),
    socket: folder.file('admin.sock'),
    master: folder.file('master.sock'),
  }
}

/** With what is in `lbm.cfg`. */
export async function startHaproxy(
  folder: ProxyFolder,
  { inside = [] }: { inside?: string[] } = {},
): Promise<RunningProxy> {
  const log = { text: '' }
  const child = run(
    inside,
    requireProgram('haproxy'),
    ['-W', '-S', folder.file('master.sock'), '-f', folder.file('lbm.cfg')],
    log,
  )
  await until(() => existsSync(folder.file('admin.sock')) || undefined)
  return running(child, 'SIGTERM', () => log.text)
}

function run(inside: string[], program: string, args: string[], log = { text: '' }): ChildProcess {
  const [file = program, ...rest] = [...inside, program, ...args]
  const child = spawn(file, rest, { stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log.text += text))
  return child
}

function running(child: ChildProcess, end: NodeJS.Signals, log: () => string): RunningProxy {
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  return {
    pid: child.pid ?? 0,
    log,
    async kill() {
      // A worker outlives a master that cannot tell it to end.
      const tree = child.pid === undefined ? [] : treeOf(child.pid, scanProcesses())
      const exited = stop('SIGKILL')
      signalAll(tree, 'SIGKILL')
      await exited
    },
    [Symbol.asyncDispose]: () => stop(end),
  }
}
