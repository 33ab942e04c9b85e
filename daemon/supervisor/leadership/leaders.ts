/** The leader of one app: watches its processes, and tells the one that leads and the one that does not any more. */

import type { Runner } from '../instance/runner-port.ts'
import {
  type Candidate,
  type Leadership,
  type LeadershipEvent,
  NO_LEADER,
  stepLeadership,
} from './machine.ts'

export interface LeadersOptions {
  /** The app wants a leader, and this supervisor is the one to choose it. */
  isWanted: () => boolean
  /** Every process of the app. */
  runners: () => readonly Runner[]
  /** The one that serves under its number. */
  isServing: (runner: Runner) => boolean
  elected: (runner: Runner) => void
}

export interface Leaders {
  /** Something has changed. */
  update(): void
  /** Whether a process that is about to start begins as the leader. */
  startsAs(runner: Runner, member: number): boolean
  /** That process has heard that it does not lead. */
  renounced(member: number): void
  isLeader(member: number | undefined): boolean
  /** Resolves when nobody leads. */
  vacant(): Promise<void>
}

const RANKS: Partial<Record<string, Candidate['rank']>> = { ready: 0, unready: 1, starting: 2 }

export function createLeaders({ isWanted, runners, isServing, elected }: LeadersOptions): Leaders {
  let leadership: Leadership = NO_LEADER
  let awaitingVacancy: (() => void)[] = []

  function step(event: LeadershipEvent): void {
    const [next, effects] = stepLeadership(leadership, event)
    leadership = next
    if (leadership.phase === 'vacant') {
      for (const tell of awaitingVacancy) tell()
      awaitingVacancy = []
    }
    for (const { type, member } of effects) {
      const runner = runners().find((one) => one.memberId() === member)
      runner?.tellLeader(type === 'grant')
      if (type === 'grant' && runner !== undefined) elected(runner)
    }
  }

  function update(): void {
    if (leadership.phase === 'vacant' && !isWanted()) return
    const all = runners().flatMap((runner) => {
      const member = runner.memberId()
      // One that cannot hear has heard, by the end of its channel, that it does not lead.
      return member !== undefined && runner.child()?.isConnected() === true
        ? [{ runner, member }]
        : []
    })
    const candidates = all.flatMap(({ runner, member }): Candidate[] => {
      const rank = RANKS[runner.report().phase]
      if (rank === undefined || !isWanted() || !isServing(runner)) return []
      return [{ member, number: runner.number, rank }]
    })
    step({ type: 'changed', candidates, alive: all.map(({ member }) => member) })
  }

  return {
    update,
    startsAs(runner, member) {
      if (!isWanted()) return false
      update()
      if (isServing(runner)) step({ type: 'starting', member })
      const isElected = leadership.phase === 'held' && leadership.by === member
      if (isElected) elected(runner)
      return isElected
    },
    renounced(member) {
      step({ type: 'renounced', member })
      update()
    },
    vacant: () =>
      new Promise((resolve) => {
        if (leadership.phase === 'vacant') resolve()
        else awaitingVacancy.push(resolve)
      }),
    isLeader: (member) =>
      member !== undefined && leadership.phase === 'held' && leadership.by === member,
  }
}
