import * as v from 'valibot'
import { describe, expect, test } from 'vitest'

import { checkApp } from '../../../src/config/check-app.ts'
import { proxyOptions as optionsOf, slotsSpec } from '../../../src/config/proxy-spec.ts'
import { proxyOptions as schema } from '../../../src/contract/proxy-schemas.ts'
import { slotAddress } from '../../../src/contract/proxy.ts'

function read(given: Record<string, unknown>): ReturnType<typeof checkApp>['app'] {
  const { app, problems, unknown } = checkApp({ script: 'a.js', ...given }, (key) => key)
  expect([...problems, ...unknown]).toEqual([])
  return app
}

describe('slots', () => {
  test('true: ports of this host, chosen by the daemon', () => {
    expect(slotsSpec(read({ slots: true }).slots)).toEqual({
      at: { type: 'tcp', host: '127.0.0.1', base: 0 },
      max: 0,
    })
  })
  test('a base, a host, a number beforehand and the listener that they belong to', () => {
    const { slots } = read({ slots: { base: 22_000, host: '10.0.0.1', max: 8, port: 3000 } })
    expect(slotsSpec(slots)).toEqual({
      at: { type: 'tcp', host: '10.0.0.1', base: 22_000 },
      max: 8,
      port: 3000,
    })
  })
  test('a folder: Unix sockets', () => {
    expect(slotsSpec(read({ slots: { dir: '/run/app/' } }).slots)).toEqual({
      at: { type: 'unix', dir: '/run/app' },
      max: 0,
    })
  })
  test('a folder and a port are one too many', () => {
    const { slots } = read({ slots: { dir: '/run', base: 22_000 } })
    expect(() => slotsSpec(slots)).toThrow(/dir/)
  })
  test('addresses follow the number', () => {
    const at = { type: 'tcp', host: '::1', base: 0 } as const
    expect(slotAddress({ at, max: 0 }, 3, { base: 21_100, app: 'api' })).toEqual({
      type: 'tcp',
      host: '::1',
      port: 21_103,
    })
    const unix = { type: 'unix', dir: '/run' } as const
    expect(slotAddress({ at: unix, max: 0 }, 1, { base: undefined, app: 'api' })).toEqual({
      type: 'unix',
      path: '/run/api-1.sock',
    })
  })
})

test('the keys of a file become options that the schema takes', () => {
  const { proxy } = read({
    proxy: {
      listen: [443, '127.0.0.1:8080', '[::1]:81'],
      server_name: 'a.example.com, *.b.example.com',
      cert: 'site.pem',
      algorithm: 'cookie',
      hosts: ['10.0.0.2:21001', { address: '10.0.0.3:21001', weight: 2, backup: true }],
      check: '/healthz',
      agent_check: 20_901,
      proxyProtocol: 'both',
      slow_start: '10s',
      static: { path: '/assets', root: 'public', expires: '1h' },
      max_body: '10M',
      nginx: { conf: '/etc/nginx/nginx.conf' },
    },
  })
  const options = optionsOf(proxy ?? {}, '/srv/app', {})
  expect(v.parse(schema, options)).toEqual(options)
  expect(options).toMatchObject({
    listen: [
      { host: '*', port: 443 },
      { host: '127.0.0.1', port: 8080 },
      { host: '::1', port: 81 },
    ],
    serverNames: ['a.example.com', '*.b.example.com'],
    tls: { cert: '/srv/app/site.pem', http2: true },
    hosts: [
      { address: '10.0.0.2', port: 21_001, weight: 1, backup: false },
      { address: '10.0.0.3', port: 21_001, weight: 2, backup: true },
    ],
    check: { path: '/healthz', intervalMs: 1000, rise: 2, fall: 2 },
    agentCheck: { host: '127.0.0.1', port: 20_901 },
    acceptProxy: true,
    sendProxy: true,
    slowStartMs: 10_000,
    static: [{ path: '/assets', root: '/srv/app/public', expiresMs: 3_600_000 }],
    maxBodyBytes: 10_485_760,
  })
})

test.each([
  ['20901', '127.0.0.1'],
  ['*:20901', '0.0.0.0'],
  ['10.0.0.1:20901', '10.0.0.1'],
  ['[::1]:20901', '::1'],
])('agent checks: %s listens at %s', (agent_check, host) => {
  const { proxy } = read({ proxy: { agent_check } })
  expect(optionsOf(proxy ?? {}, '/', {}).agentCheck).toEqual({ host, port: 20_901 })
})
