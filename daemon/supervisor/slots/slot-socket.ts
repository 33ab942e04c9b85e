/** The listening socket of a slot: bound here, listened on by whichever process holds the slot. */

import { mkdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'

import type { ListenQuery } from '../../../src/contract/agent.ts'
import type { SlotAddress } from '../../../src/contract/proxy.ts'
import { bindStream, EADDRINUSE, type ListenHandle } from '../../balancer/native.ts'
import { pidStart } from '../../kernel/process-identity.ts'

const BACKLOG = 511
const TEMPORARY = '.lbm-'

/** Tells a slot from a listener of the app: those have indexes from 0 up. */
export function slotQuery(address: SlotAddress, number: number): ListenQuery {
  const common = { flags: 0, backlog: BACKLOG, index: -1 - number }
  return address.type === 'unix'
    ? { ...common, address: address.path, port: -1, addressType: -1 }
    : {
        ...common,
        address: address.host,
        port: address.port,
        addressType: address.host.includes(':') ? 6 : 4,
      }
}

/** @returns undefined for a listener of the app */
export function slotNumber({ index }: ListenQuery): number | undefined {
  return index < 0 ? -1 - index : undefined
}

/** @returns the bound handle, or a negative errno */
export function bindSlot(address: SlotAddress, number: number): ListenHandle | number {
  const query = slotQuery(address, number)
  return address.type === 'unix' ? bindFile(address.path, query) : bindStream(query)
}

/**
 * Bound under a name of its own and renamed: what a dead predecessor left is replaced at once, and closing this handle,
 * which removes the name that it was bound to, leaves the file to a successor.
 */
function bindFile(path: string, query: ListenQuery): ListenHandle | number {
  if (isListenedOn(path)) return EADDRINUSE
  const temporary = `${path}${TEMPORARY}${process.pid}`
  try {
    mkdirSync(dirname(path), { recursive: true })
    removeFile(temporary)
    // The folder says who may connect, as with any port of this host.
    const handle = bindStream({
      ...query,
      address: temporary,
      readableAll: true,
      writableAll: true,
    })
    if (typeof handle !== 'number') renameSync(temporary, path)
    return handle
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? EADDRINUSE
  }
}

export function removeSlotFile(address: SlotAddress): void {
  if (address.type === 'unix') removeFile(address.path)
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already: that is what was wanted.
  }
}

/** By a program of its own, or by another supervisor that lives. */
function isListenedOn(path: string): boolean {
  return unixSockets().some((name) => {
    if (name === path) return true
    if (!name.startsWith(`${path}${TEMPORARY}`)) return false
    const pid = Number(name.slice(path.length + TEMPORARY.length))
    return pid !== process.pid && pidStart(pid) !== 0
  })
}

function unixSockets(): string[] {
  try {
    const [, ...lines] = readFileSync('/proc/net/unix', 'utf8').split('\n')
    return lines.map((line) => line.trim().split(/\s+/)[7] ?? '')
  } catch {
    return [] // no Linux: the bind will tell
  }
}
