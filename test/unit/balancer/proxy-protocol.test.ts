import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { readProxyHeader } from '../../../src/contract/proxy-protocol.ts'
import { v1, v2 } from './proxy-headers.ts'

const port = fc.integer({ min: 0, max: 65_535 })
const rest = fc.uint8Array({ maxLength: 40 })
const source = fc.oneof(
  fc.record({ address: fc.ipV4(), port, family: fc.constant('IPv4' as const) }),
  fc.record({ address: fc.ipV6(), port, family: fc.constant('IPv6' as const) }),
)
/** fast-check's addresses may be spelt in ways that a v2 header cannot tell apart. */
const plainIpv6 = (address: string): boolean => !address.includes('.')

describe.each([
  ['v1', v1],
  ['v2', v2],
])('%s', (_, header) => {
  test('names the source, and where the app’s bytes begin', () => {
    fc.assert(
      fc.property(source, rest, (from, after) => {
        fc.pre(plainIpv6(from.address) || from.family === 'IPv4')
        const bytes = Buffer.concat([header(from), after])
        const found = readProxyHeader(bytes)
        expect(found).toMatchObject({ state: 'found', length: bytes.length - after.length })
        if (found.state !== 'found') return
        expect(found.source).toMatchObject({ port: from.port, family: from.family })
        if (from.family === 'IPv4') expect(found.source?.address).toBe(from.address)
      }),
    )
  })

  test('any part of it asks for more, and never for anything else', () => {
    fc.assert(
      fc.property(source, fc.double({ min: 0, max: 1, noNaN: true }), (from, share) => {
        const bytes = header(from)
        const part = bytes.subarray(0, Math.floor((bytes.length - 1) * share))
        expect(readProxyHeader(part)).toEqual({ state: 'partial' })
      }),
    )
  })
})

test('IPv6 is spelt as Node spells it', () => {
  const cases: [string, string][] = [
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['fe80:0:0:1:0:0:0:0', 'fe80:0:0:1::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['0:0:0:0:0:0:0:0', '::'],
  ]
  for (const [address, spelt] of cases) {
    expect(readProxyHeader(v2({ address, port: 1, family: 'IPv6' }))).toMatchObject({
      source: { address: spelt },
    })
  }
})

test.each([
  ['a request', 'GET / HTTP/1.1\r\n\r\n'],
  ['an unknown family', 'PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n'],
  ['an address that is none', 'PROXY TCP4 x 1.2.3.4 1 2\r\n'],
  ['a port that is none', 'PROXY TCP4 1.2.3.4 1.2.3.4 99999 2\r\n'],
  ['a line without an end', `PROXY TCP4 ${'1'.repeat(200)}`],
  ['a bare carriage return', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx'],
])('%s is refused', (_, text) => {
  expect(readProxyHeader(Buffer.from(text))).toEqual({ state: 'invalid' })
})

test('a proxy that speaks for itself names nobody', () => {
  expect(readProxyHeader(Buffer.from('PROXY UNKNOWN\r\nrest'))).toEqual({
    state: 'found',
    length: 15,
  })
  const local = v2({ address: '1.2.3.4', port: 1, family: 'IPv4' })
  local[12] = 0x20
  expect(readProxyHeader(local)).toEqual({ state: 'found', length: local.length })
})

test('any bytes at all: an answer, no exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, asV2) => {
      const start = v2({ address: '1.2.3.4', port: 1, family: 'IPv4' }).subarray(0, 12)
      readProxyHeader(asV2 ? Buffer.concat([start, bytes]) : bytes)
    }),
  )
})
