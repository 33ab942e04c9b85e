/** What the supervisors last said of each instance. */

import { type AppRecord, isScheduledJob, type SlotRecord } from '../../src/contract/app.ts'
import {
  ALIVE_PHASES,
  type ExitReason,
  type InstanceState,
  type InstanceRow,
  type InstanceView,
  MAX_DEATHS,
} from '../../src/contract/instance.ts'

export interface InstanceCache {
  update: (state: InstanceState) => void
  remove(id: number): void
  /** A slot that no supervisor has started yet is about to start, where it should run. */
  of(record: AppRecord): InstanceState[]
  find(id: number): InstanceState | undefined
  all(): InstanceState[]
}

/** @param changed called after each change, with the state unless it was removed */
export function createInstanceCache(
  changed: (state: InstanceState | undefined) => void = () => undefined,
): InstanceCache {
  const states = new Map<number, InstanceState>()
  return {
    update(state) {
      states.set(state.id, state)
      changed(state)
    },
    remove(id) {
      states.delete(id)
      changed(undefined)
    },
    of: (record) =>
      record.slots.map((slot) => {
        const state = states.get(slot.id)
        return state === undefined || isUntouched(state) ? notStarted(record, slot) : state
      }),
    find: (id) => states.get(id),
    all: () => [...states.values()],
  }
}

export function isAlive({ phase }: InstanceState): boolean {
  return ALIVE_PHASES.includes(phase)
}

/** Alive, or about to be again by itself. */
export function isActive(state: InstanceState): boolean {
  return isAlive(state) || state.phase === 'backoff'
}

/** Defined at its supervisor, and no more. */
function isUntouched({ phase, startedAt }: InstanceState): boolean {
  return phase === 'stopped' && startedAt === 0
}

function notStarted(record: AppRecord, { id, number, desired }: SlotRecord): InstanceState {
  return {
    id,
    app: record.key,
    number,
    generation: 1,
    phase: desired === 'running' && !isScheduledJob(record.spec) ? 'starting' : 'stopped',
    pid: 0,
    pidStart: 0,
    startedAt: 0,
    createdAt: record.createdAt,
    restarts: 0,
    unstableRestarts: 0,
    quickDeaths: 0,
    listening: [],
    notes: [],
    axmActions: [],
    axmMonitor: {},
  }
}

/**
 * The state of an instance whose supervisor died, for the one that comes next: its process counts as ended,
 * which is one more restart if it ran.
 */
export function lostWithSupervisor(state: InstanceState, atMs: number): InstanceState {
  if (!isActive(state)) return state
  const message = 'its supervisor ended unexpectedly, and it was ended with it'
  const ended: InstanceState = {
    ...state,
    phase: 'stopped',
    pid: 0,
    pidStart: 0,
    listening: [],
    notes: [message],
  }
  if (state.pid === 0) return ended
  const death: ExitReason = {
    kind: 'supervisor-lost',
    code: null,
    signal: null,
    pid: state.pid,
    atMs,
    uptimeMs: Math.max(0, atMs - state.startedAt),
    wasReady: state.phase !== 'starting',
    message,
    lastLines: [],
    generation: state.generation,
  }
  return {
    ...ended,
    restarts: state.restarts + 1,
    lastExit: death,
    deaths: [death, ...(state.deaths ?? [])].slice(0, MAX_DEATHS),
  }
}

export interface Usage {
  cpuPercent: number
  memoryBytes: number
}

/** Spelled out: a copy of a state is twenty times as slow as this, and 500 are asked for at once. */
export function rowOf(
  { spec }: AppRecord,
  state: InstanceState,
  usage: Usage | undefined,
  watching: InstanceRow['watching'],
): InstanceRow {
  const { name, namespace, version, username, mode } = spec
  const { id, pid, startedAt, restarts, phase, listening, balance } = state
  const cpuPercent = usage?.cpuPercent ?? 0
  const memoryBytes = usage?.memoryBytes ?? 0
  const row = {
    ...{ id, name, namespace, version, username, mode, pid, startedAt, restarts, phase },
    ...{ cpuPercent, memoryBytes, watching },
  }
  return listening.length === 0 || balance === undefined ? row : { ...row, listening, balance }
}

export function viewOf(
  record: AppRecord,
  state: InstanceState,
  usage: Usage | undefined,
  watching: InstanceView['watching'],
): InstanceView {
  const { spec } = record
  return {
    ...state,
    name: spec.name,
    namespace: spec.namespace,
    version: spec.version,
    username: spec.username,
    mode: spec.mode,
    cpuPercent: usage?.cpuPercent ?? 0,
    memoryBytes: usage?.memoryBytes ?? 0,
    watching,
  }
}
