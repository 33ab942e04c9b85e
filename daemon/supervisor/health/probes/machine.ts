/**
 * The probes of one process: `(probing, event) → [probing, effects]`, with Kubernetes' meaning. Decides; never acts.
 *
 * Until a startup or readiness probe succeeds for the first time it runs more often than its period, so that an
 * instance is in service when it is ready and not up to a period later. Its failures still count once a period.
 */

import type { ProbeSpec } from '../../../../src/contract/app.ts'
import type { Monotonic } from '../../../../src/contract/units.ts'

export const PROBE_KINDS = ['startup', 'readiness', 'liveness'] as const
export type ProbeKind = (typeof PROBE_KINDS)[number]

export type ProbePlan = Partial<Record<ProbeKind, ProbeSpec>>

const EAGER_MS = 250
/** A command costs a process each time. */
const EAGER_EXEC_MS = 1000

export interface Track {
  /** undefined: it is under way. */
  nextAt: Monotonic | undefined
  startedAt: Monotonic
  /** In a row, and failures as they count. */
  successes: number
  failures: number
  countedAt: Monotonic | undefined
  hasPassed: boolean
  isPassing: boolean
}

export interface Probing {
  tracks: Partial<Record<ProbeKind, Track>>
  /** The instance is ready, whether a probe said so or something else. */
  isReady: boolean
}

export type ProbingEvent =
  | { type: 'tick' }
  | { type: 'result'; kind: ProbeKind; ok: boolean; message: string }
  /** It listens since now: whoever waits for its first success need not wait longer. */
  | { type: 'listening' }
  | { type: 'ready' }

export type ProbingEffect =
  | { type: 'run'; kind: ProbeKind }
  /** What readiness depends on has succeeded for the first time. */
  | { type: 'first-success' }
  | { type: 'readiness'; ready: boolean; message: string }
  /** The process is not to live on. */
  | { type: 'failed'; kind: 'startup' | 'liveness'; message: string }

type Step = [Probing, ProbingEffect[]]

export function beginProbing(plan: ProbePlan, now: Monotonic): Probing {
  const probing: Probing = { tracks: {}, isReady: false }
  if (plan.startup !== undefined) return withTrack(probing, plan, 'startup', now)
  return withTrack(probing, plan, 'readiness', now)
}

/** When the machine wants its next `tick`. */
export function nextProbeAt({ tracks }: Probing): Monotonic | undefined {
  const times = Object.values(tracks)
    .map(({ nextAt }) => nextAt)
    .filter((at) => at !== undefined)
  return times.length === 0 ? undefined : (Math.min(...times) as Monotonic)
}

export function stepProbing(
  probing: Probing,
  event: ProbingEvent,
  plan: ProbePlan,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'tick':
      return runDue(probing, now)
    case 'listening':
      return runDue(hurried(probing, now), now)
    case 'ready': {
      const ready = { ...probing, isReady: true }
      const isStarted = plan.startup === undefined || probing.tracks.startup?.hasPassed === true
      return [isStarted ? withTrack(ready, plan, 'liveness', now) : ready, []]
    }
    case 'result':
      return takeResult(probing, event, plan, now)
  }
}

function withTrack(probing: Probing, plan: ProbePlan, kind: ProbeKind, now: Monotonic): Probing {
  const spec = plan[kind]
  if (spec === undefined || probing.tracks[kind] !== undefined) return probing
  const track: Track = {
    nextAt: plus(now, spec.initialDelayMs),
    startedAt: now,
    successes: 0,
    failures: 0,
    countedAt: undefined,
    hasPassed: false,
    // Nothing is known of it yet: alive until the contrary is shown, ready only when it is shown.
    isPassing: kind === 'liveness',
  }
  return { ...probing, tracks: { ...probing.tracks, [kind]: track } }
}

function hurried({ tracks, ...rest }: Probing, now: Monotonic): Probing {
  const hurry = (track: Track | undefined): Track | undefined =>
    track === undefined ||
    track.hasPassed ||
    track.nextAt === undefined ||
    track.countedAt === undefined
      ? track
      : { ...track, nextAt: now }
  const { startup, readiness } = tracks
  return {
    ...rest,
    tracks: defined({ ...tracks, startup: hurry(startup), readiness: hurry(readiness) }),
  }
}

function defined(tracks: Record<string, Track | undefined>): Probing['tracks'] {
  return Object.fromEntries(
    Object.entries(tracks).filter(([, track]) => track !== undefined),
  ) as Probing['tracks']
}

function runDue(probing: Probing, now: Monotonic): Step {
  const tracks = { ...probing.tracks }
  const effects: ProbingEffect[] = []
  for (const kind of PROBE_KINDS) {
    const track = tracks[kind]
    if (track?.nextAt === undefined || track.nextAt > now) continue
    tracks[kind] = { ...track, nextAt: undefined, startedAt: now }
    effects.push({ type: 'run', kind })
  }
  return [{ ...probing, tracks }, effects]
}

function takeResult(
  probing: Probing,
  { kind, ok, message }: Extract<ProbingEvent, { type: 'result' }>,
  plan: ProbePlan,
  now: Monotonic,
): Step {
  const before = probing.tracks[kind]
  const spec = plan[kind]
  if (before === undefined || spec === undefined || before.nextAt !== undefined)
    return [probing, []]
  const track = counted(before, ok, kind, spec, now)
  const next: Probing = { ...probing, tracks: { ...probing.tracks, [kind]: track } }
  switch (kind) {
    case 'startup':
      return afterStartup(next, track, message, plan, now)
    case 'readiness':
      return afterReadiness(next, before, track, message)
    case 'liveness':
      if (track.failures < spec.failureThreshold) return [next, []]
      return [
        { ...next, tracks: { ...next.tracks, liveness: { ...track, failures: 0 } } },
        [{ type: 'failed', kind, message }],
      ]
  }
}

function counted(
  track: Track,
  ok: boolean,
  kind: ProbeKind,
  spec: ProbeSpec,
  now: Monotonic,
): Track {
  const isEager = !ok && !track.hasPassed && kind !== 'liveness'
  const eagerMs = spec.exec === undefined ? EAGER_MS : EAGER_EXEC_MS
  const intervalMs = isEager ? Math.min(eagerMs, spec.periodMs) : spec.periodMs
  const nextAt = Math.max(now, track.startedAt + intervalMs) as Monotonic
  if (ok) {
    const successes = track.successes + 1
    const passes = successes >= spec.successThreshold
    return {
      ...track,
      nextAt,
      successes,
      failures: 0,
      countedAt: undefined,
      hasPassed: track.hasPassed || passes,
      isPassing: track.isPassing || passes,
    }
  }
  const isDue =
    !isEager || track.countedAt === undefined || track.startedAt - track.countedAt >= spec.periodMs
  const failures = isDue ? track.failures + 1 : track.failures
  return {
    ...track,
    nextAt,
    successes: 0,
    failures,
    countedAt: isDue ? track.startedAt : track.countedAt,
    isPassing: track.isPassing && failures < spec.failureThreshold,
  }
}

function afterStartup(
  probing: Probing,
  track: Track,
  message: string,
  plan: ProbePlan,
  now: Monotonic,
): Step {
  const isOver = { ...track, nextAt: undefined }
  if (track.hasPassed) {
    const started = { ...probing, tracks: { ...probing.tracks, startup: isOver } }
    const next = withTrack(withTrack(started, plan, 'readiness', now), plan, 'liveness', now)
    return [next, plan.readiness === undefined ? [{ type: 'first-success' }] : []]
  }
  if (track.failures < (plan.startup?.failureThreshold ?? 1)) return [probing, []]
  return [
    { ...probing, tracks: { ...probing.tracks, startup: isOver } },
    [{ type: 'failed', kind: 'startup', message }],
  ]
}

function afterReadiness(probing: Probing, before: Track, track: Track, message: string): Step {
  if (track.isPassing === before.isPassing) return [probing, []]
  if (!before.hasPassed) return [probing, [{ type: 'first-success' }]]
  return [probing, [{ type: 'readiness', ready: track.isPassing, message }]]
}

function plus(time: Monotonic, ms: number): Monotonic {
  return (time + ms) as Monotonic
}
