import { describe, expect, test } from 'vitest'

import { checkCapabilities } from '../../../daemon/proxies/capabilities.ts'
import { checkConflicts } from '../../../daemon/proxies/conflicts.ts'
import { type ProxiedApp, proxiedApp } from '../../../daemon/proxies/proxied-app.ts'
import { generationOf, originOf, signText } from '../../../daemon/proxies/signed-text.ts'
import { ASSUMED, parseVersion } from '../../../daemon/proxies/version.ts'
import type { ProxyOptions } from '../../../src/contract/proxy.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

const SLOTS = { at: { type: 'tcp', host: '127.0.0.1', base: 21_001 }, max: 0 } as const

function app(proxy: ProxyOptions, name = 'api'): ProxiedApp {
  return proxiedApp(sampleRecord({ name, instances: 2, slots: SLOTS, proxy }))
}

test('an app without slots is told so', () => {
  expect(() => proxiedApp(sampleRecord({}))).toThrow(/has no slots/)
})

test('unused slots are declared, but not used', () => {
  const record = sampleRecord({ instances: 2, slots: { ...SLOTS, max: 4 } })
  expect(proxiedApp(record).servers.map(({ used }) => used)).toEqual([true, true, false, false])
})

test('idle connections end at the proxy before the instance would end them', () => {
  const record = sampleRecord({ slots: SLOTS, drainIdleMs: 5000 })
  expect(proxiedApp(record).keepaliveTimeoutMs).toBe(4000)
})

describe('what one of them cannot do names what it can', () => {
  test.each([
    ['nginx', { check: { path: '/', intervalMs: 1, rise: 1, fall: 1 } }, /active checks/],
    ['nginx', { slowStartMs: 1 }, /slow_start/],
    ['nginx', { sendProxy: true }, /PROXY protocol/],
    ['nginx', { loadWeights: true }, /weights/],
    ['haproxy', { static: [{ path: '/', root: '/a' }] }, /serves no files/],
    ['haproxy', { tls: { cert: '/a.pem', key: '/b.key', http2: true } }, /one file/],
  ] as const)('%s %j', (kind, options, message) => {
    expect(() => checkCapabilities(kind, [app(options as ProxyOptions)], ASSUMED[kind])).toThrow(
      message,
    )
  })
  test('an old version is named with the one that is needed', () => {
    expect(() => checkCapabilities('haproxy', [app({})], [2, 2, 9])).toThrow(/2\.2\.9.*2\.4\.0/)
  })
})

describe('two apps on one proxy', () => {
  const listen = [{ host: '*', port: 80 }]
  test.each([
    ['both want everything', {}, {}, /both want requests to any name/],
    [
      'the same name',
      { serverNames: ['a.b'] },
      { serverNames: ['x.y', 'A.b'] },
      /requests to a\.b/,
    ],
    [
      'with and without TLS',
      { listen },
      { listen, tls: { cert: '/a', http2: true } },
      /certificate/,
    ],
    [
      'paths, but other names',
      { serverNames: ['a', 'b'] },
      { serverNames: ['a'], path: '/x' },
      /not all of/,
    ],
  ] as const)('%s: refused', (_, a, b, message) => {
    expect(() => checkConflicts([app(a as ProxyOptions), app(b as ProxyOptions, 'web')])).toThrow(
      message,
    )
  })
  test.each([
    ['other ports', {}, { listen: [{ host: '*', port: 81 }] }],
    ['other names', { serverNames: ['a.b'] }, { serverNames: ['c.d'] }],
    ['other paths', {}, { path: '/x' }],
  ] as const)('%s: fine', (_, a, b) => {
    expect(() =>
      checkConflicts([app(a as ProxyOptions), app(b as ProxyOptions, 'web')]),
    ).not.toThrow()
  })
})

describe('who wrote a file', () => {
  const text = signText('server {}\n', ['api', 'web;\nx'])
  test('as written: ours', () => expect(originOf(text)).toBe('ours'))
  test('the header is one comment', () => expect(text.split('\n')).toHaveLength(3))
  test('a changed body: edited', () => expect(originOf(text.replace('{}', '{ }'))).toBe('edited'))
  test('somebody else’s: foreign', () => expect(originOf('server {}\n')).toBe('foreign'))
  test('the same text has the same generation', () =>
    expect(generationOf('a')).toBe(generationOf('a')))
})

test('versions are read from what the programs print', () => {
  expect(parseVersion('nginx version: nginx/1.22.1')).toEqual([1, 22, 1])
  expect(parseVersion('HAProxy version 2.6.12-1+deb12u4 2026/10/17')).toEqual([2, 6, 12])
  expect(parseVersion('HA-Proxy version 2.2.9-2~bpo10+1 2021/06/14')).toEqual([2, 2, 9])
  expect(parseVersion('?')).toBeUndefined()
})
