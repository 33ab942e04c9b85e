/** Puts together why a process ended. Pure. */

import type { DeathKind, ExitReason, Requester } from '../../../src/contract/instance.ts'
import type { Effect } from './state.ts'

export interface Fault {
  kind: 'exception' | 'rejection'
  message: string
  place: string
}

export interface DeathFacts {
  effect: Extract<Effect, { type: 'died' }>
  code: number | null
  signal: string | null
  fault: Fault | undefined
  bindFailure?: string | undefined
  /** A SIGKILL that the kernel has counted as one for want of memory. */
  isKernelOom: boolean
  pid: number
  uptimeMs: number
  atMs: number
}

export function explainExit({
  effect,
  code,
  signal,
  fault,
  bindFailure,
  isKernelOom,
  pid,
  uptimeMs,
  atMs,
}: DeathFacts): ExitReason {
  // An app may live on without a port: only a death that comes of it is told by it.
  const diedOfBind =
    fault === undefined ? !effect.wasReady : /\b(listen|bind)\b/.test(fault.message)
  const message =
    effect.message ??
    (diedOfBind && effect.requestedBy === undefined ? bindFailure : undefined) ??
    (fault === undefined ? undefined : [fault.message, fault.place].filter(Boolean).join(' at '))
  return {
    kind: isKernelOom
      ? 'kernel-oom'
      : (effect.kind ?? kindOf(signal, fault, effect.requestedBy !== undefined)),
    code,
    signal,
    pid,
    atMs,
    uptimeMs: Math.round(uptimeMs),
    wasReady: effect.wasReady,
    lastLines: [],
    ...(effect.requestedBy === undefined ? {} : { requestedBy: effect.requestedBy }),
    ...(message === undefined ? {} : { message }),
  }
}

function kindOf(signal: string | null, fault: Fault | undefined, requested: boolean): DeathKind {
  if (signal !== null) return 'signal'
  if (fault !== undefined && !requested) return fault.kind
  return 'exit'
}

/** What V8 prints before it aborts on a full heap. */
const HEAP_OOM = /FATAL ERROR: .*(heap out of memory|Allocation failed)/

/** What Node prints when it is asked where it hangs. */
const INSPECTOR = /^(Debugger (listening on|attached)|For help, see: https:\/\/nodejs\.org)/

/** Adds what the last lines of stderr tell; `count` of them are kept. */
export function withLastLines(exit: ExitReason, lines: string[], count: number): ExitReason {
  const heapOom = exit.signal === 'SIGABRT' && lines.some((line) => HEAP_OOM.test(line))
  const lastLines = lines.filter((line) => !INSPECTOR.test(line)).slice(-count)
  return { ...exit, lastLines, ...(heapOom ? { kind: 'heap-oom' as const } : {}) }
}

/** lbm itself had to end it: as much of a failure as a crash. */
const GUARDS: readonly Requester[] = ['listen-timeout', 'hang', 'probe', 'memory']

/** Nobody wanted it to end, and it did not end well. */
export function isFailure({ requestedBy, kind, code }: ExitReason): boolean {
  if (requestedBy === undefined) return kind !== 'exit' || code !== 0
  return GUARDS.includes(requestedBy)
}

/** `exit code 1: Error: no database at app.js:3`, `signal SIGKILL`, `not ready in time`. */
export function describeExit({ kind, code, signal, requestedBy, message }: ExitReason): string {
  const how = signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`
  if (kind === 'spawn-failed') return message ?? 'could not be started'
  if (kind === 'heap-oom') return `${how}: out of heap memory`
  if (kind === 'kernel-oom') return `${how}: killed by the kernel, which was out of memory`
  if (requestedBy === 'listen-timeout') {
    return ['not ready in time (listen_timeout)', message].filter(Boolean).join(': ')
  }
  if (requestedBy !== undefined && GUARDS.includes(requestedBy)) return message ?? how
  return message === undefined ? how : `${how}: ${message}`
}
