import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { choosePolicy } from '../../../../daemon/balancer/policies/choose-policy.ts'
import { ipHash, networkOf } from '../../../../daemon/balancer/policies/ip-hash.ts'
import { leastConnections } from '../../../../daemon/balancer/policies/least-connections.ts'
import type { Client } from '../../../../daemon/balancer/policies/policy.ts'
import { randomTwo } from '../../../../daemon/balancer/policies/random-2.ts'
import { rendezvous } from '../../../../daemon/balancer/policies/rendezvous.ts'
import { roundRobin } from '../../../../daemon/balancer/policies/round-robin.ts'
import { sticky } from '../../../../daemon/balancer/policies/sticky.ts'
import { weighted } from '../../../../daemon/balancer/policies/weighted.ts'
import { BALANCE_POLICIES } from '../../../../src/contract/app.ts'
import { reusePortProblem } from '../../../../src/contract/reuse-port.ts'
import { balanceSpec } from '../balance-spec.ts'
import { anyone, candidates, someCandidates, someClient, tally } from './candidates.ts'

const random = fc.double({ min: 0, max: 0.999_999, noNaN: true })

describe.each(BALANCE_POLICIES)('%s', (name) => {
  test('chooses one of the candidates whenever there is one', () => {
    fc.assert(
      fc.property(someCandidates, someClient, random, (all, client, x) => {
        const policy = choosePolicy(balanceSpec({ policy: name }), () => x)
        for (let n = 0; n < 5; n++) expect(all).toContain(policy.choose(all, client))
      }),
    )
  })

  test('chooses nobody where nobody is', () => {
    expect(
      choosePolicy(balanceSpec({ policy: name }), () => 0.5).choose([], anyone),
    ).toBeUndefined()
  })
})

describe('least-connections', () => {
  test('nobody has fewer than the chosen one', () => {
    fc.assert(
      fc.property(someCandidates, (all) => {
        const chosen = leastConnections().choose(all, anyone)
        expect(chosen?.connections).toBe(Math.min(...all.map(({ connections }) => connections)))
      }),
    )
  })

  test('equals take turns: after any number of choices the counts differ by 1 at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 100 }),
        (count, rounds) => {
          const all = candidates(count)
          const policy = leastConnections()
          const counts = tally(Array.from({ length: rounds }, () => policy.choose(all, anyone)))
          const each = all.map(({ number }) => counts.get(number) ?? 0)
          expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1)
        },
      ),
    )
  })
})

describe('round-robin', () => {
  test('after any number of choices the counts differ by 1 at most', () => {
    fc.assert(
      fc.property(someCandidates, fc.integer({ min: 1, max: 200 }), (all, rounds) => {
        const policy = roundRobin()
        const counts = tally(Array.from({ length: rounds }, () => policy.choose(all, anyone)))
        const each = all.map(({ number }) => counts.get(number) ?? 0)
        expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('goes on after the last one when that one is gone', () => {
    const [a, b, c, d] = candidates(4)
    const policy = roundRobin()
    expect(policy.choose([a!, b!, c!, d!], anyone)).toBe(a)
    expect(policy.choose([a!, b!, c!, d!], anyone)).toBe(b)
    expect(policy.choose([a!, c!, d!], anyone)).toBe(c)
    expect(policy.choose([a!, b!], anyone)).toBe(a)
  })
})

describe('random-2', () => {
  test('never the one with strictly more connections than all others', () => {
    fc.assert(
      fc.property(someCandidates, random, random, (all, x, y) => {
        fc.pre(all.length > 1)
        const draws = [x, y]
        const most = Math.max(...all.map(({ connections }) => connections))
        const chosen = randomTwo(() => draws.shift() ?? 0).choose(all, anyone)
        const isAlone = all.filter(({ connections }) => connections === most).length === 1
        if (isAlone) expect(chosen?.connections).toBeLessThan(most)
      }),
    )
  })

  test('every pair can be drawn, and never one twice', () => {
    const count = 5
    const all = candidates(count)
    const losers = new Set<string>()
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < count - 1; b++) {
        const draws = [a / count, b / (count - 1)]
        // The first drawn has more: the second is chosen, whoever it is.
        for (const each of all) each.connections = each.number === a ? 1 : 0
        const chosen = randomTwo(() => draws.shift() ?? 0).choose(all, anyone)
        losers.add(`${a}${chosen?.number}`)
        expect(chosen?.number).not.toBe(a)
      }
    }
    expect(losers.size).toBe(count * (count - 1))
  })
})

describe('rendezvous', () => {
  test('removing one of N moves only its clients', () => {
    fc.assert(
      fc.property(
        someCandidates,
        fc.nat(),
        fc.array(fc.string(), { maxLength: 50 }),
        (all, at, keys) => {
          fc.pre(all.length > 1)
          const gone = all[at % all.length]
          const rest = all.filter((each) => each !== gone)
          for (const key of keys) {
            const before = rendezvous(all, key)
            if (before !== gone) expect(rendezvous(rest, key)).toBe(before)
          }
        },
      ),
    )
  })

  test('a replacement inherits the clients of its number', () => {
    fc.assert(
      fc.property(someCandidates, fc.string(), (all, key) => {
        const before = rendezvous(all, key)
        const replaced = all.map((each) => ({ ...each, id: each.id + 5000 }))
        expect(rendezvous(replaced, key)?.number).toBe(before?.number)
      }),
    )
  })

  test('every instance has its share, within 3 %', () => {
    const all = candidates(4)
    const keys = Array.from(
      { length: 40_000 },
      (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
    )
    for (const share of tally(keys.map((key) => rendezvous(all, key))).values()) {
      expect(Math.abs(share / 10_000 - 1)).toBeLessThan(0.03)
    }
  })
})

describe('ip-hash', () => {
  test('one address always comes to one instance, mapped or not', () => {
    fc.assert(
      fc.property(someCandidates, fc.ipV4(), (all, address) => {
        const policy = ipHash()
        const mapped = policy.choose(all, { address: `::ffff:${address}` })
        expect(policy.choose(all, { address })).toBe(mapped)
      }),
    )
  })

  test('an IPv6 network of 64 bits is one client', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16))
    fc.assert(
      fc.property(
        fc.array(group, { minLength: 8, maxLength: 8 }),
        fc.array(group, { minLength: 4, maxLength: 4 }),
        (groups, other) => {
          expect(networkOf(groups.join(':'))).toBe(
            networkOf([...groups.slice(0, 4), ...other].join(':')),
          )
        },
      ),
    )
  })

  test.each([
    ['2001:db8::1', '2001:db8:0:0/64'],
    ['2001:DB8:0:0:9::', '2001:db8:0:0/64'],
    ['2001:0db8:0000:0001::1', '2001:db8:0:1/64'],
    ['::1', '0:0:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0/64'],
    ['192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['', ''],
  ])('%s → %s', (address, network) => expect(networkOf(address)).toBe(network))
})

describe('weighted', () => {
  test('shares are within 1 % of the weights', () => {
    const weight = fc.integer({ min: 1, max: 20 })
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 12 }), (weights) => {
        const all = candidates(weights.length)
        const policy = weighted(weights)
        const total = weights.reduce((sum, each) => sum + each, 0)
        const rounds = total * 100
        const counts = tally(Array.from({ length: rounds }, () => policy.choose(all, anyone)))
        for (const [number, own] of weights.entries()) {
          expect(Math.abs((counts.get(number) ?? 0) / rounds - own / total)).toBeLessThan(0.01)
        }
      }),
    )
  })

  test('is smooth: 5, 1, 1 is not five in a row', () => {
    const all = candidates(3)
    const policy = weighted([5, 1, 1])
    const order = Array.from({ length: 7 }, () => policy.choose(all, anyone)?.number)
    expect(order).toEqual([0, 0, 1, 0, 2, 0, 0])
  })

  test('a missing weight counts 1, a busy instance half', () => {
    const all = candidates(3)
    all[2]!.loopUtilisation = 0.95
    const policy = weighted([2])
    const counts = tally(Array.from({ length: 700 }, () => policy.choose(all, anyone)))
    expect([...counts]).toEqual(
      expect.arrayContaining([
        [0, 400],
        [1, 200],
        [2, 100],
      ]),
    )
  })
})

describe('sticky', () => {
  const session = (value: string, address: string): Client => ({
    address,
    sticky: { value, from: 'query' },
  })

  test('a session that was given out to an address stays where that address was placed', () => {
    fc.assert(
      fc.property(someCandidates, fc.ipV4(), fc.ipV4(), fc.string(), (all, first, later, value) => {
        const policy = sticky()
        const placed = policy.choose(all, { address: first })
        expect(policy.choose(all, session(value, first))).toBe(placed)
        // The client moved to another network: the value is remembered.
        expect(policy.ownerOf?.(session(value, later))).toBe(placed?.id)
      }),
    )
  })

  test('a header is the client’s own choice: it alone decides', () => {
    fc.assert(
      fc.property(someCandidates, fc.ipV4(), fc.ipV4(), fc.string(), (all, a, b, value) => {
        const policy = sticky()
        const of = (address: string): Client => ({ address, sticky: { value, from: 'header' } })
        expect(policy.choose(all, of(a))).toBe(policy.choose(all, of(b)))
        expect(policy.ownerOf?.(of(a))).toBeUndefined()
      }),
    )
  })

  test('remembers so many sessions and no more', () => {
    const policy = sticky()
    const all = candidates(2)
    const chosen = Array.from({ length: 20_010 }, (_, n) =>
      policy.choose(all, session(`s${n}`, '192.0.2.1')),
    )
    expect(policy.ownerOf?.(session('s0', ''))).toBeUndefined()
    expect(policy.ownerOf?.(session('s20009', ''))).toBe(chosen.at(-1)!.id)
  })
})

describe('reuseport', () => {
  test.each([
    ['20.20.2', 'linux', false],
    ['22.11.0', 'linux', false],
    ['22.12.0', 'linux', true],
    ['23.0.0', 'linux', false],
    ['23.1.0', 'linux', true],
    ['24.0.0', 'linux', true],
    ['24.0.0', 'darwin', false],
    [undefined, 'linux', true],
  ])('Node %s on %s: %s', (version, platform, works) => {
    const problem = reusePortProblem(version, platform)
    expect(problem === undefined).toBe(works)
    if (problem !== undefined)
      expect(problem).toMatchObject({
        code: 'UNSUPPORTED',
        hint: expect.stringContaining('kernel') as string,
      })
  })
})
