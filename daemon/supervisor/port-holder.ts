/** Who holds a port: for the sentence that a failed bind deserves. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'

import type { ListeningAt } from '../../src/contract/instance.ts'

const LISTEN_STATE = '0A'

/** `port 3000 is in use: pid 4711 (node server.js), app "api", holds it`. @param errno negative, as libuv gives it */
export function describeBindFailure(at: ListeningAt, errno: number): string {
  const place = at.port < 0 ? `socket ${at.address}` : `port ${at.port}`
  const name = getSystemErrorName(errno)
  if (name === 'EACCES') return `${place} may not be bound by this user (EACCES)`
  if (name !== 'EADDRINUSE') return `${place} cannot be bound (${name})`
  const holder = at.port < 0 ? undefined : holderOfPort(at.port)
  if (holder === undefined) return `${place} is in use by another process (EADDRINUSE)`
  const app = holder.app === undefined ? '' : `, app "${holder.app}",`
  return `${place} is in use: pid ${holder.pid} (${holder.command})${app} holds it (EADDRINUSE)`
}

export interface PortHolder {
  pid: number
  command: string
  /** When it is an app of lbm's. */
  app?: string
}

/** Looks through /proc; undefined where there is none, or the process is another user's. */
export function holderOfPort(port: number): PortHolder | undefined {
  const inodes = listeningInodes(port)
  if (inodes.size === 0) return undefined
  const holders = listDirectory('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) =>
      listDirectory(`/proc/${pid}/fd`).some((fd) => inodes.has(readLink(`/proc/${pid}/fd/${fd}`))),
    )
    .map(describeHolder)
  // A supervisor holds the sockets of its apps: the instance beside it tells more.
  return holders.find(({ app }) => app !== undefined) ?? holders[0]
}

function describeHolder(pid: string): PortHolder {
  const words = readText(`/proc/${pid}/cmdline`).split('\0').filter(Boolean)
  const [, app] = /^LBM_APP=(.*)$/.exec(environmentEntry(pid, 'LBM_APP=')) ?? []
  const [, hosted] = /^lbm supervisor app-(.*)$/.exec(words.join(' ')) ?? []
  const holder = { pid: Number(pid), command: commandOf(words) }
  const name = app ?? hosted
  return name === undefined ? holder : { ...holder, app: name }
}

/** The program and its script: what follows may hold secrets. */
function commandOf(words: readonly string[]): string {
  const shown = words.filter((_word, index) => index === 0 || !isPreload(words, index)).slice(0, 2)
  return shown.join(' ') || 'unknown'
}

/** `--require <agent>`, which an instance was started with. */
function isPreload(words: readonly string[], index: number): boolean {
  return words[index] === '--require' || words[index - 1] === '--require'
}

function environmentEntry(pid: string, prefix: string): string {
  const entries = readText(`/proc/${pid}/environ`).split('\0')
  return entries.find((entry) => entry.startsWith(prefix)) ?? ''
}

function listeningInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const inodes = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readText(table).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      if (local.endsWith(suffix) && state === LISTEN_STATE) inodes.add(`socket:[${inode}]`)
    }
  }
  return inodes
}

// Processes come and go, and belong to others, while one looks: each of these then finds nothing.

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
