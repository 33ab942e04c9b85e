import fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  type Candidate,
  type Leadership,
  type LeadershipEvent,
  NO_LEADER,
  stepLeadership,
} from '../../../daemon/supervisor/leadership/machine.ts'

/** Processes as they are: who is alive, who may lead, and what each believes. */
interface Member {
  number: number
  rank: Candidate['rank']
  mayLead: boolean
  believes: boolean
  /** It was told to renounce, and has not looked yet. */
  told: boolean
}

type Move =
  | { do: 'spawn'; number: number; mayLead: boolean }
  | { do: 'kill' | 'ready' | 'hear'; pick: number }
  | { do: 'serve' | 'retire'; pick: number }

const number = fc.nat({ max: 3 })
const pick = fc.nat({ max: 7 })
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('spawn' as const), number, mayLead: fc.boolean() }),
    fc.record({ do: fc.constantFrom('kill' as const, 'ready' as const, 'hear' as const), pick }),
    fc.record({ do: fc.constantFrom('serve' as const, 'retire' as const), pick }),
  ),
  { maxLength: 60 },
)

function world() {
  let leadership: Leadership = NO_LEADER
  let lastMember = 0
  const members = new Map<number, Member>()

  function send(event: LeadershipEvent): void {
    const [next, effects] = stepLeadership(leadership, event)
    leadership = next
    for (const { type, member } of effects) {
      const one = members.get(member)
      expect(one).toBeDefined()
      if (one === undefined) continue
      if (type === 'grant') one.believes = true
      else one.told = true
    }
    expect([...members.values()].filter(({ believes }) => believes).length).toBeLessThanOrEqual(1)
  }

  function changed(): void {
    const candidates = [...members]
      .filter(([, { mayLead }]) => mayLead)
      .map(([member, one]) => ({ member, number: one.number, rank: one.rank }))
    send({ type: 'changed', candidates, alive: [...members.keys()] })
  }

  function hear(member: number): void {
    const one = members.get(member)
    if (one?.told !== true) return
    one.told = false
    one.believes = false
    send({ type: 'renounced', member })
    changed()
  }

  function move(step: Move): void {
    if (step.do === 'spawn') {
      changed()
      lastMember += 1
      if (step.mayLead) send({ type: 'starting', member: lastMember })
      const believes = leadership.phase === 'held' && leadership.by === lastMember
      members.set(lastMember, { ...step, rank: 2, believes, told: false })
      changed()
      return
    }
    const chosen = [...members.keys()][step.pick]
    const one = chosen === undefined ? undefined : members.get(chosen)
    if (chosen === undefined || one === undefined) return
    if (step.do === 'hear') hear(chosen)
    else {
      if (step.do === 'kill') members.delete(chosen)
      else if (step.do === 'ready') one.rank = 0
      else one.mayLead = step.do === 'serve'
      changed()
    }
  }

  return {
    move,
    /** Each hears what it was told. */
    settle() {
      for (const member of members.keys()) hear(member)
      changed()
    },
    leaders: () => [...members.values()].filter(({ believes }) => believes),
    mayLead: () => [...members.values()].some(({ mayLead }) => mayLead),
    leader: () => (leadership.phase === 'held' ? leadership.by : undefined),
  }
}

test('whatever happens: never two that believe they lead; once all have heard, one if one may', () => {
  fc.assert(
    fc.property(moves, (steps) => {
      const on = world()
      for (const step of steps) on.move(step)
      on.settle()
      const leaders = on.leaders()
      expect(leaders).toHaveLength(on.mayLead() ? 1 : 0)
      expect(leaders.every(({ mayLead }) => mayLead)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('who leads goes on leading while it may, though a fitter one comes', () => {
  const on = world()
  on.move({ do: 'spawn', number: 1, mayLead: true })
  expect(on.leader()).toBe(1)
  on.move({ do: 'spawn', number: 0, mayLead: true })
  on.move({ do: 'ready', pick: 1 })
  expect(on.leader()).toBe(1)
})

test('the leader dies → a ready one before one that starts, then the lowest number', () => {
  const on = world()
  for (const numbered of [0, 3, 2, 1]) on.move({ do: 'spawn', number: numbered, mayLead: true })
  on.move({ do: 'ready', pick: 1 })
  on.move({ do: 'ready', pick: 2 })
  on.move({ do: 'kill', pick: 0 })
  expect(on.leader()).toBe(3)
})
