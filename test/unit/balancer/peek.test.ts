import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { identify } from '../../../daemon/balancer/peek.ts'
import { readHead } from '../../../daemon/balancer/policies/sticky-key.ts'
import { balanceSpec } from './balance-spec.ts'
import { v1 } from './proxy-headers.ts'

const head = (...lines: string[]): string => lines.join('\r\n')

describe('readHead', () => {
  test.each([
    [
      'the cookie of its name',
      { stickyCookie: 'id' },
      head('GET / HTTP/1.1', 'Cookie: xid=1; id=two; id=3'),
      'two',
      'cookie',
    ],
    [
      'the header, whatever its case',
      { stickyHeader: 'X-User' },
      head('GET / HTTP/1.1', 'x-uSER:  me '),
      'me',
      'header',
    ],
    ['the query', { stickyQuery: 't' }, head('GET /a?at=0&t=1 HTTP/1.1'), '1', 'query'],
    [
      'cookie before query',
      { stickyCookie: 'c', stickyQuery: 'q' },
      head('GET /?q=1 HTTP/1.1', 'cookie: c=2'),
      '2',
      'cookie',
    ],
    [
      'Socket.IO’s, where nothing is named',
      {},
      head('GET /?EIO=4&sid=abc HTTP/1.1'),
      'abc',
      'query',
    ],
  ])('%s', (_, spec, text, value, from) => {
    expect(readHead(text, spec).sticky).toEqual({ value, from })
  })

  test.each([
    ['an empty cookie', { stickyCookie: 'id' }, head('GET / HTTP/1.1', 'Cookie: id=; x=1')],
    ['another name', { stickyQuery: 'sid' }, head('GET /?asid=1 HTTP/1.1')],
    ['no target', { stickyQuery: 'sid' }, 'GET'],
  ])('%s is none', (_, spec, text) => expect(readHead(text, spec).sticky).toBeUndefined())

  test('any text at all: an answer, no exception', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => void readHead(text, { stickyCookie: 'a', stickyQuery: 'b' }),
      ),
    )
  })
})

describe('identify', () => {
  const sticky = balanceSpec({ policy: 'sticky' })
  const request = 'GET /?sid=s1 HTTP/1.1\r\nHost: x\r\n\r\nbody'

  test('asks for more until the head is whole', () => {
    const end = request.indexOf('body')
    for (let size = 0; size < end; size++) {
      expect(identify(Buffer.from(request.slice(0, size)), '192.0.2.1', sticky)).toBeUndefined()
    }
    expect(identify(Buffer.from(request.slice(0, end)), '192.0.2.1', sticky)?.sticky?.value).toBe(
      's1',
    )
  })

  test('gives up after 8 KiB, and at once where there is no HTTP', () => {
    const long = Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(9000)}`)
    expect(identify(long, '192.0.2.1', sticky)).toEqual({ address: '192.0.2.1' })
    expect(identify(Buffer.from([0x16, 0x03, 0x01]), '192.0.2.1', sticky)).toEqual({
      address: '192.0.2.1',
    })
  })

  test('believes X-Forwarded-For from this host only', () => {
    const text = Buffer.from('GET / HTTP/1.1\r\nX-Forwarded-For: 198.51.100.7, 10.0.0.1\r\n\r\n')
    expect(identify(text, '127.0.0.1', sticky)?.address).toBe('198.51.100.7')
    expect(identify(text, '::ffff:127.0.0.1', sticky)?.address).toBe('198.51.100.7')
    expect(identify(text, '', sticky)?.address).toBe('198.51.100.7')
    expect(identify(text, '192.0.2.1', sticky)?.address).toBe('192.0.2.1')
  })

  test('looks behind a PROXY header', () => {
    const header = v1({ address: '198.51.100.9', port: 1, family: 'IPv4' })
    const spec = { ...sticky, proxyProtocol: true }
    expect(identify(header, '127.0.0.1', spec)).toBeUndefined()
    expect(identify(Buffer.concat([header, Buffer.from(request)]), '127.0.0.1', spec)).toEqual({
      address: '198.51.100.9',
      sticky: { value: 's1', from: 'query' },
    })
    const hash = { ...spec, policy: 'ip-hash' as const }
    expect(identify(header, '127.0.0.1', hash)).toEqual({ address: '198.51.100.9' })
  })
})
