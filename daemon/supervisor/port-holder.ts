/** Who holds a port: for the sentence that a failed bind deserves. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'

import type { ListeningAt } from '../../src/contract/instance.ts'

const LISTEN_STATE = '0A'

/** `port 3000 is in use: pid 4711 (node server.js) holds it`. @param errno negative, as libuv gives it */
export function describeBindFailure(at: ListeningAt, errno: number): string {
  const place = at.port < 0 ? `socket ${at.address}` : `port ${at.port}`
  const name = getSystemErrorName(errno)
  if (name === 'EACCES') return `${place} may not be bound by this user (EACCES)`
  if (name !== 'EADDRINUSE') return `${place} cannot be bound (${name})`
  const holder = at.port < 0 ? undefined : holderOfPort(at.port)
  return holder === undefined
    ? `${place} is in use by another process (EADDRINUSE)`
    : `${place} is in use: pid ${holder.pid} (${holder.command}) holds it (EADDRINUSE)`
}

export interface PortHolder {
  pid: number
  command: string
}

/** Looks through /proc; undefined where there is none, or the process is another user's. */
export function holderOfPort(port: number): PortHolder | undefined {
  const inodes = listeningInodes(port)
  if (inodes.size === 0) return undefined
  for (const name of listDirectory('/proc')) {
    if (!/^\d+$/.test(name)) continue
    if (
      !listDirectory(`/proc/${name}/fd`).some((fd) =>
        inodes.has(readLink(`/proc/${name}/fd/${fd}`)),
      )
    )
      continue
    return { pid: Number(name), command: commandOf(name) }
  }
  return undefined
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

function commandOf(pid: string): string {
  const words = readText(`/proc/${pid}/cmdline`).split('\0').filter(Boolean)
  // Two words tell which program it is; the rest may hold secrets.
  return words.slice(0, 2).join(' ') || 'unknown'
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
