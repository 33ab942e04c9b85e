import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { BalancePolicy } from '../../../src/contract/app.ts'
import { createWorld, QUEUE_MS, type World } from './world.ts'

test('a member with an unanswered connection gets no other', () => {
  const world = createWorld()
  world.add(1)
  world.add(2)
  const ids = [world.connect(), world.connect(), world.connect()]
  expect([world.inbox(1), world.inbox(2)]).toEqual([[ids[0]], [ids[1]]])
  world.answer(2)
  expect(world.inbox(2)).toEqual([ids[2]])
})

test.each([
  ['round-robin', 0],
  ['weighted', 0],
  ['least-connections', 3],
] as const)('%s: a burst is shared out, whoever answers fastest', (policy, difference) => {
  const world = createWorld(policy)
  for (const id of [1, 2, 3]) world.add(id)
  for (let n = 0; n < 30; n++) world.connect()
  const counts = [1, 2, 3].map((id) => {
    let count = 0
    while (world.answer(id) !== undefined) count += 1
    return count
  })
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(difference)
})

test('what was meant for a member that is not prompt goes to another', async () => {
  const world = createWorld('round-robin')
  world.add(1)
  world.add(2)
  for (let n = 0; n < 4; n++) world.connect()
  world.answer(1)
  world.answer(1)
  expect(world.inbox(1)).toEqual([])
  await world.clock.advance(10)
  expect(world.inbox(1)).toHaveLength(1)
  // And nothing more is meant for it until it answers.
  const next = world.connect()
  world.answer(1)
  expect(world.inbox(1)).toEqual([next])
})

test('the copy is kept until the answer', () => {
  const world = createWorld()
  world.add(1)
  const id = world.connect()
  expect(world.closed).toEqual([])
  world.answer(1)
  expect(world.closed).toEqual([id])
})

test('a dead member: what it had not answered goes ahead of what waits', () => {
  const world = createWorld()
  world.add(1)
  const [first, second] = [world.connect(), world.connect()]
  world.remove(1)
  world.add(2)
  expect(world.inbox(2)).toEqual([first])
  world.answer(2)
  expect(world.inbox(2)).toEqual([second])
  expect(world.dispatcher.redispatched()).toBe(1)
})

test('an answer of a dead member counts for nobody', () => {
  const world = createWorld()
  world.add(1)
  const id = world.connect()
  world.remove(1)
  world.add(2)
  world.dispatcher.acknowledge(1, id, true, undefined)
  expect(world.closed).toEqual([])
  expect(world.inbox(2)).toEqual([id])
})

test('nobody comes: refused when its time is over, in order, and not before', async () => {
  const world = createWorld()
  const first = world.connect()
  await world.clock.advance(QUEUE_MS / 2)
  const second = world.connect()
  await world.clock.advance(QUEUE_MS / 2 - 1)
  expect(world.refused).toEqual([])
  await world.clock.advance(1)
  expect(world.refused).toEqual([first])
  await world.clock.advance(QUEUE_MS)
  expect(world.refused).toEqual([first, second])
  expect(world.dispatcher.waiting()).toBe(0)
})

test('more than can wait: the oldest is refused at once', () => {
  const world = createWorld()
  for (let n = 0; n < 10_002; n++) world.connect()
  expect(world.refused).toEqual([1, 2])
})

test('a full member is passed over, and asked again a moment later', async () => {
  const world = createWorld()
  world.add(1)
  const id = world.connect()
  world.answer(1, false)
  expect(world.inbox(1)).toEqual([])
  await world.clock.advance(50)
  expect(world.inbox(1)).toEqual([id])
})

test('a hand-over that fails goes to another, and is told', () => {
  const world = createWorld()
  world.add(1)
  const id = world.connect()
  world.add(2)
  world.breakOff(1)
  expect(world.inbox(2)).toEqual([id])
  expect(world.failed).toEqual([1])
})

test('a member that reports on and on without an answer never got the connection', () => {
  const world = createWorld()
  world.add(1)
  const id = world.connect()
  world.add(2)
  for (let n = 0; n < 3; n++) world.dispatcher.reported(1)
  expect(world.inbox(2)).toEqual([id])
})

test('out of rotation, or not listening there: nothing', () => {
  const world = createWorld()
  world.add(1).inRotation = false
  world.add(2).listeners.clear()
  world.add(3).ejected = true
  world.connect()
  expect([1, 2, 3].flatMap((id) => world.inbox(id))).toEqual([])
})

describe('affinity', () => {
  const IDS = [1, 2, 3]
  const COOKIE = { value: 's1', from: 'cookie' } as const
  const HEADER = { value: 's1', from: 'header' } as const

  const holderOf = (world: World, connection: number): number | undefined =>
    IDS.find((id) => world.inbox(id).includes(connection))

  function worldOf(policy: BalancePolicy): World {
    const world = createWorld(policy)
    for (const id of IDS) world.add(id)
    return world
  }

  /** A client whose instance is blocked goes to the next; then both are heard of. */
  async function sentOn(world: ReturnType<typeof worldOf>): Promise<{ own: number; next: number }> {
    const own = holderOf(world, world.connect('192.0.2.9'))!
    const second = world.connect('192.0.2.9')
    await world.clock.advance(300)
    const next = holderOf(world, second)!
    world.answer(own)
    world.answer(next)
    return { own, next }
  }

  test.each([
    ['ip-hash', undefined],
    ['sticky', undefined],
    ['sticky', HEADER],
  ] as const)(
    '%s, %j: waits for its instance a moment while others are free, then goes to the next',
    async (policy, sticky) => {
      const world = worldOf(policy)
      const own = holderOf(world, world.connect('192.0.2.9', sticky))!
      const later = world.connect('192.0.2.9', sticky)
      await world.clock.advance(299)
      expect(holderOf(world, later)).toBeUndefined()
      await world.clock.advance(1)
      const next = holderOf(world, later)!
      expect([own, undefined]).not.toContain(next)
      world.answer(next)
      // It is known to be blocked: nobody waits any more, until it is heard of.
      expect(holderOf(world, world.connect('192.0.2.9', sticky))).toBe(next)
      expect(world.inbox(own)).toHaveLength(1)
    },
  )

  test('a session that an instance gave out waits for it, half its time at most', async () => {
    const world = worldOf('sticky')
    const own = holderOf(world, world.connect('192.0.2.9', COOKIE))!
    const second = world.connect('192.0.2.77', COOKIE)
    await world.clock.advance(QUEUE_MS / 2 - 1)
    world.dispatcher.resume()
    expect(holderOf(world, second)).toBeUndefined()
    await world.clock.advance(1)
    world.dispatcher.resume()
    expect([own, undefined]).not.toContain(holderOf(world, second))
  })

  test('what a client is given elsewhere brings it there again', async () => {
    const world = worldOf('sticky')
    const { next } = await sentOn(world)
    for (const address of ['192.0.2.9', '192.0.2.77']) {
      expect(holderOf(world, world.connect(address, COOKIE))).toBe(next)
      world.answer(next)
    }
  })

  test('no session begins at an instance that leaves, though the client was sent there before', async () => {
    const world = worldOf('sticky')
    const { own, next } = await sentOn(world)
    world.members.get(next)!.inRotation = false
    // What it was given there is there.
    expect(holderOf(world, world.connect('192.0.2.9', COOKIE))).toBe(next)
    world.answer(next)
    expect(holderOf(world, world.connect('192.0.2.9'))).toBe(own)
    world.answer(own)
    const later = { value: 's2', from: 'cookie' } as const
    expect(holderOf(world, world.connect('192.0.2.9', later))).toBe(own)
  })

  test('ip-hash: home again once its instance is heard of', async () => {
    const world = worldOf('ip-hash')
    const own = holderOf(world, world.connect('192.0.2.9'))!
    world.connect('192.0.2.9')
    await world.clock.advance(300)
    world.answer(own)
    expect(holderOf(world, world.connect('192.0.2.9'))).toBe(own)
  })

  test('all are blocked: it waits for its own', async () => {
    const world = createWorld('ip-hash')
    world.add(1)
    world.connect()
    const second = world.connect()
    await world.clock.advance(400)
    expect(world.inbox(1)).not.toContain(second)
    world.answer(1)
    expect(world.inbox(1)).toEqual([second])
  })

  test('a client that waits does not hold up the others', () => {
    const world = createWorld('ip-hash')
    world.add(1)
    world.add(2)
    const addresses = Array.from({ length: 20 }, (_, n) => `192.0.2.${n}`)
    for (const address of addresses) world.connect(address)
    const before = [world.inbox(1).length, world.inbox(2).length]
    expect(before).toEqual([1, 1])
    let served = 0
    while (world.answer(2) !== undefined) served += 1
    expect(served).toBeGreaterThan(1)
    expect(world.inbox(1)).toHaveLength(1)
  })
})

type Step =
  | { do: 'add' | 'remove' | 'accept' | 'decline' | 'break' | 'rotate'; member: number }
  | { do: 'connect'; address: string }
  | { do: 'pass'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.ipV4().map((address) => ({ do: 'connect' as const, address })) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('add', 'remove', 'accept', 'decline', 'break', 'rotate'),
      member: fc.integer({ min: 0, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: QUEUE_MS }).map((ms) => ({ do: 'pass' as const, ms })),
  },
)

test.each([
  'least-connections',
  'round-robin',
  'random-2',
  'weighted',
  'ip-hash',
  'sticky',
] as const)(
  '%s: whatever happens, each connection ends accepted or refused, once, and nobody holds two',
  async (policy) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = createWorld(policy)
        let lastMember = 0
        const alive: number[] = []
        const connected: number[] = []
        for (const each of steps) {
          if (each.do === 'connect') connected.push(world.connect(each.address))
          else if (each.do === 'pass') await world.clock.advance(each.ms)
          else if (each.do === 'add') {
            lastMember += 1
            alive.push(lastMember)
            world.add(lastMember, each.member)
          } else if (alive.length > 0) {
            const id = alive[each.member % alive.length]!
            if (each.do === 'accept') world.answer(id)
            if (each.do === 'decline') world.answer(id, false)
            if (each.do === 'break') world.breakOff(id)
            if (each.do === 'rotate') {
              const state = world.members.get(id)!
              state.inRotation = !state.inRotation
              world.dispatcher.resume()
            }
            if (each.do === 'remove') {
              alive.splice(alive.indexOf(id), 1)
              world.remove(id)
            }
          }
          for (const id of alive) expect(world.inbox(id).length).toBeLessThanOrEqual(1)
        }
        // Time alone, with members that answer, leads to an end for everything.
        for (
          let n = 0;
          n < 100 && connected.length > world.closed.length + world.refused.length;
          n++
        ) {
          for (const id of alive) world.answer(id)
          await world.clock.advance(QUEUE_MS / 10)
        }
        expect([...world.closed, ...world.refused].sort((a, b) => a - b)).toEqual(connected)
      }),
      { numRuns: 60 },
    )
  },
)
