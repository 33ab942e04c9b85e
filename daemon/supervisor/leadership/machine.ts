/**
 * Which instance leads: `(leadership, event) → [leadership, effects]`. Decides; never acts.
 *
 * At most one believes that it leads: the next one is told only when the one before has said that it knows it does not
 * any more, or is gone.
 */

export interface Candidate {
  /** Of the process. */
  member: number
  number: number
  /** A ready one before one that is not, that before one that only starts. */
  rank: 0 | 1 | 2
}

export type Leadership =
  | { phase: 'vacant' }
  | { phase: 'held'; by: number }
  /** It was told to give it up, and has not said yet that it has. */
  | { phase: 'leaving'; by: number }

export type LeadershipEvent =
  /** What there is now: processes that may lead, and all that are alive and can hear. */
  | { type: 'changed'; candidates: readonly Candidate[]; alive: readonly number[] }
  /** That one knows that it does not lead. */
  | { type: 'renounced'; member: number }
  /** That one is about to start, and would begin as the leader. */
  | { type: 'starting'; member: number }

export type LeadershipEffect =
  | { type: 'grant'; member: number }
  | { type: 'revoke'; member: number }

type Step = [Leadership, LeadershipEffect[]]

export const NO_LEADER: Leadership = { phase: 'vacant' }

export function stepLeadership(leadership: Leadership, event: LeadershipEvent): Step {
  switch (event.type) {
    case 'changed':
      return changed(leadership, event.candidates, event.alive)
    case 'renounced':
      return leadership.phase === 'leaving' && leadership.by === event.member
        ? [NO_LEADER, []]
        : [leadership, []]
    case 'starting':
      // It is told by the environment that it starts with.
      return leadership.phase === 'vacant'
        ? [{ phase: 'held', by: event.member }, []]
        : [leadership, []]
  }
}

function changed(
  leadership: Leadership,
  candidates: readonly Candidate[],
  alive: readonly number[],
): Step {
  const isThere = leadership.phase !== 'vacant' && alive.includes(leadership.by)
  if (!isThere) return elect(candidates)
  if (leadership.phase === 'leaving') return [leadership, []]
  // Whoever leads goes on, though another may be fitter: work that moves to and fro is not done.
  if (candidates.some(({ member }) => member === leadership.by)) return [leadership, []]
  return [{ phase: 'leaving', by: leadership.by }, [{ type: 'revoke', member: leadership.by }]]
}

function elect(candidates: readonly Candidate[]): Step {
  const [fittest] = candidates.toSorted((a, b) => a.rank - b.rank || a.number - b.number)
  if (fittest === undefined) return [NO_LEADER, []]
  const { member } = fittest
  return [{ phase: 'held', by: member }, [{ type: 'grant', member }]]
}
