/** A real sshd on loopback, for the user who runs the tests, with keys of its own. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

import { freePort } from './free-port.ts'
import { until } from './until.ts'

const SSHD = '/usr/sbin/sshd'

export interface Sshd extends AsyncDisposable {
  port: number
  user: string
  key: string
  /** For `ssh_options`. */
  options: string[]
}

/** @returns what is missing, where it cannot be had */
export async function startSshd(): Promise<Sshd | string> {
  if (!existsSync(SSHD)) return `there is no ${SSHD}: apt-get install openssh-server`
  const folder = mkdtempSync(join(tmpdir(), 'lbm-sshd-'))
  const file = (name: string): string => join(folder, name)
  const makeKey = (name: string): void => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)])
  }
  makeKey('host')
  makeKey('user')
  writeFileSync(file('authorized'), readFileSync(file('user.pub')))
  const port = await freePort()
  writeFileSync(
    file('config'),
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${file('host')}
AuthorizedKeysFile ${file('authorized')}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
`,
  )
  // Root's sshd changes into this folder; packages make it when the service starts.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const daemon: ChildProcess = spawn(SSHD, ['-D', '-e', '-f', file('config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  daemon.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  await until(() => daemon.exitCode !== null || isOpen(port))
  if (daemon.exitCode !== null) return `sshd ended at once: ${said}`
  return {
    port,
    user: userInfo().username,
    key: file('user'),
    options: [
      'StrictHostKeyChecking=no',
      `UserKnownHostsFile=${file('known')}`,
      'IdentitiesOnly=yes',
      'LogLevel=ERROR',
    ],
    async [Symbol.asyncDispose]() {
      daemon.kill()
      await until(() => daemon.exitCode !== null || daemon.signalCode !== null)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function isOpen(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(undefined))
  })
}
