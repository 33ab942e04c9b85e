/** `run/<id>.json`: what a supervisor owns. It writes the file; the daemon reads it and cleans up after a dead one. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'

import * as v from 'valibot'

import { after, type Clock } from '../kernel/clock.ts'
import { removeMomentaryFolder } from '../kernel/momentary-folder.ts'
import { noteOwner } from '../kernel/note-owner.ts'
import { isSameProcess } from '../kernel/process-identity.ts'
import { type ProcessEntry, scanProcesses, signalAll, treeOf } from '../kernel/process-tree.ts'
import { listPatiently, readPatiently } from '../kernel/read-patiently.ts'

interface OwnedProcess {
  pid: number
  pidStart: number
}

/** How often it was restarted, as its supervisor last knew; older supervisors do not say it. */
export interface OwnedInstance extends OwnedProcess {
  id?: number | undefined
  restarts?: number | undefined
  unstableRestarts?: number | undefined
}

export interface Ownership extends OwnedProcess {
  instances: OwnedInstance[]
}

const ownedProcess = { pid: v.number(), pidStart: v.number() }
const ownership: v.GenericSchema<unknown, Ownership> = v.object({
  ...ownedProcess,
  instances: v.array(
    v.object({
      ...ownedProcess,
      id: v.optional(v.number()),
      restarts: v.optional(v.number()),
      unstableRestarts: v.optional(v.number()),
    }),
  ),
})

/** Time for what a dead supervisor left to end by itself; the ports it holds are wanted. */
const TERM_GRACE_MS = 200
const KILL_WAIT_MS = 2000
const POLL_MS = 10

export function readOwnership(runDir: string, id: string): Ownership | undefined {
  const text = readPatiently(join(runDir, `${id}.json`))
  if (text === undefined) return undefined
  try {
    const result = v.safeParse(ownership, JSON.parse(text))
    return result.success ? result.output : undefined
  } catch {
    return undefined // cut off by a power cut: then its processes are gone too
  }
}

/**
 * Notes a supervisor that was started just now, until it writes the file itself: a daemon that comes
 * after this one must not start a second of that name.
 */
export function noteStarted(runDir: string, id: string, pid: number): void {
  // Where it was faster, or the disk is full, the file is there, or comes when there is room.
  noteOwner(join(runDir, `${id}.json`), pid)
}

export function isRunning(owner: Ownership | undefined): owner is Ownership {
  return owner !== undefined && isSameProcess(owner.pid, owner.pidStart)
}

/** Ids of the supervisors that run, or left something. */
export function listSupervisors(runDir: string): string[] {
  const ids = listPatiently(runDir)
    .filter((file) => /\.(json|sock)$/.test(file))
    .map((file) => file.replace(/\.(json|sock)$/, ''))
  return [...new Set(ids)]
}

export function removeFiles(runDir: string, id: string): void {
  for (const name of listPatiently(runDir)) {
    const path = join(runDir, name)
    if (name === `${id}.json` || name === `${id}.sock`) rmSync(path, { force: true })
    else if (name.startsWith(`${id}.pipes-`)) removeMomentaryFolder(path)
  }
}

/** Ends every process that a dead supervisor's instances left; resolves when none is there. */
export async function endLeftovers(owner: Ownership, clock: Clock): Promise<number> {
  const left = leftoversOf(owner)
  if (left.length === 0) return 0
  signalAll(left, 'SIGTERM')
  await untilGone(left, TERM_GRACE_MS, clock)
  // Looked for anew: they may have started others meanwhile.
  const survivors = [...left.filter(isThere), ...leftoversOf(owner)]
  signalAll(survivors, 'SIGKILL')
  await untilGone(survivors, KILL_WAIT_MS, clock)
  return left.length
}

function leftoversOf({ instances }: Ownership): ProcessEntry[] {
  if (instances.length === 0) return []
  const table = scanProcesses()
  const isTaken = new Set(table.map(({ pid }) => pid))
  return (
    instances
      // A pid that somebody else has now says nothing about a tree of ours.
      .filter((one) => isSameProcess(one.pid, one.pidStart) || !isTaken.has(one.pid))
      .flatMap(({ pid }) => treeOf(pid, table))
  )
}

/** @returns false when time ran out */
export async function untilProcessGone(
  owned: OwnedProcess,
  timeoutMs: number,
  clock: Clock,
): Promise<boolean> {
  return poll(() => !isSameProcess(owned.pid, owned.pidStart), timeoutMs, clock)
}

function isThere({ pid, start }: ProcessEntry): boolean {
  return isSameProcess(pid, start)
}

async function untilGone(entries: ProcessEntry[], timeoutMs: number, clock: Clock): Promise<void> {
  await poll(() => !entries.some(isThere), timeoutMs, clock)
}

async function poll(holds: () => boolean, timeoutMs: number, clock: Clock): Promise<boolean> {
  const deadline = after(clock.now(), timeoutMs)
  while (!holds()) {
    if (clock.now() >= deadline) return false
    await pause(POLL_MS, clock)
  }
  return true
}

export function pause(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.at(after(clock.now(), ms), resolve)
  })
}
