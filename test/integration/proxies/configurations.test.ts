/** Generated texts, judged by the real nginx and HAProxy. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { renderHaproxy } from '../../../daemon/proxies/haproxy.ts'
import { renderNginx } from '../../../daemon/proxies/nginx.ts'
import { proxiedApp } from '../../../daemon/proxies/proxied-app.ts'
import { ASSUMED } from '../../../daemon/proxies/version.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import type { ProxyOptions, SlotsSpec } from '../../../src/contract/proxy.ts'
import { makeCertificate, requireProgram } from '../../helpers/proxy-programs.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

let folder: string
let nginx: string
let haproxy: string
let certificate: string

beforeAll(() => {
  nginx = requireProgram('nginx')
  haproxy = requireProgram('haproxy')
  folder = mkdtempSync(join(tmpdir(), 'lbm-proxies-'))
  certificate = makeCertificate(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const TCP: SlotsSpec = { at: { type: 'tcp', host: '127.0.0.1', base: 21_001 }, max: 4 }
const IPV6: SlotsSpec = { at: { type: 'tcp', host: '::1', base: 21_101 }, max: 0 }
const UNIX: SlotsSpec = { at: { type: 'unix', dir: '/run/lbm-test' }, max: 3 }
const REMOTE = { address: '10.0.0.12', port: 21_001, weight: 1, backup: false }
const BACKUP = { address: 'spare.example.com', port: 80, weight: 2, backup: true }

interface Combination {
  name: string
  slots?: SlotsSpec
  options: ProxyOptions
  /** Which one can do it; default: both. */
  only?: 'nginx' | 'haproxy'
  tls?: true
}

const COMBINATIONS: Combination[] = [
  { name: 'nothing given', options: {} },
  { name: 'round robin', options: { algorithm: 'roundrobin' } },
  { name: 'least connections', options: { algorithm: 'leastconn' } },
  { name: 'address hash', options: { algorithm: 'iphash' } },
  { name: 'cookie', options: { algorithm: 'cookie' } },
  { name: 'cookie of another name', options: { algorithm: 'cookie', cookie: 'my_id-2' } },
  { name: 'uri hash', options: { algorithm: 'uri' } },
  { name: 'random two', options: { algorithm: 'random2' } },
  { name: 'weights', options: { algorithm: 'roundrobin', weights: [3, 1] } },
  { name: 'weights and address hash', options: { algorithm: 'iphash', weights: [25, 1] } },
  { name: 'Unix slots', slots: UNIX, options: {} },
  { name: 'Unix slots, cookie', slots: UNIX, options: { algorithm: 'cookie' } },
  { name: 'Unix slots, uri, weights', slots: UNIX, options: { algorithm: 'uri', weights: [2] } },
  { name: 'IPv6 slots', slots: IPV6, options: {} },
  { name: 'IPv6 listener', options: { listen: [{ host: '::1', port: 8080 }] } },
  {
    name: 'several listeners',
    options: {
      listen: [
        { host: '*', port: 8080 },
        { host: '127.0.0.1', port: 8081 },
      ],
    },
  },
  { name: 'server names', options: { serverNames: ['example.com', '*.example.com', 'localhost'] } },
  { name: 'path', options: { path: '/api' } },
  { name: 'path and names', options: { path: '/api/v1/', serverNames: ['a.example.com'] } },
  { name: 'TLS', options: {}, tls: true },
  { name: 'TLS, names, cookie', options: { algorithm: 'cookie', serverNames: ['a.b'] }, tls: true },
  { name: 'another host', options: { hosts: [REMOTE] } },
  {
    name: 'a backup',
    options: { hosts: [REMOTE, { ...REMOTE, port: 21_002, weight: 3, backup: true }] },
  },
  {
    name: 'backup of a hash',
    options: { algorithm: 'iphash', hosts: [{ ...REMOTE, backup: true }] },
    only: 'haproxy',
  },
  { name: 'max_fails', options: { maxFails: 3, failTimeoutMs: 10_000 } },
  { name: 'max_fails 0', options: { maxFails: 0 } },
  {
    name: 'check',
    options: {
      check: { path: '/healthz?full=1&x=%20', intervalMs: 500, timeoutMs: 300, rise: 1, fall: 3 },
    },
    only: 'haproxy',
  },
  { name: 'slow start', options: { slowStartMs: 10_000 }, only: 'haproxy' },
  {
    name: 'agent check',
    options: { agentCheck: { host: '127.0.0.1', port: 20_901 } },
    only: 'haproxy',
  },
  {
    name: 'agent check of several hosts',
    options: { agentCheck: { host: '127.0.0.1', port: 20_901 }, hosts: [REMOTE] },
    only: 'haproxy',
  },
  { name: 'spare servers', options: { spareServers: 8, algorithm: 'cookie' }, only: 'haproxy' },
  { name: 'PROXY protocol to the app', options: { sendProxy: true }, only: 'haproxy' },
  { name: 'PROXY protocol from in front', options: { acceptProxy: true, trust: ['10.0.0.0/8'] } },
  { name: 'trusted networks', options: { trust: ['10.0.0.0/8', '192.168.1.1', 'fd00::/8'] } },
  { name: 'no retries', options: { retries: 0 } },
  {
    name: 'times',
    options: {
      connectTimeoutMs: 250,
      readTimeoutMs: 1500,
      clientTimeoutMs: 90_000,
      queueTimeoutMs: 1,
      tunnelTimeoutMs: 7_200_000,
      keepaliveTimeoutMs: 20_000,
    },
  },
  { name: 'no keep-alive', options: { keepalive: 0 } },
  { name: 'no WebSocket', options: { websocket: false } },
  { name: 'no forwarded headers', options: { forwarded: false } },
  { name: 'gzip', options: { gzip: true } },
  { name: 'largest body', options: { maxBodyBytes: 8_000_000 } },
  {
    name: 'static files',
    options: {
      static: [
        { path: '/assets', root: '/srv/my site', expiresMs: 3_600_000 },
        { path: '/f/', root: '/srv' },
      ],
    },
    only: 'nginx',
  },
  {
    name: 'static files at the root of a path',
    options: { path: '/app', static: [{ path: '/', root: '/srv' }] },
    only: 'nginx',
  },
  {
    name: 'snippets for nginx',
    options: {
      snippets: {
        global: 'log_format lbm_x "$remote_addr {";\n# a comment with }',
        upstream: '# nothing',
        server: 'add_header X-Server "1";\nlocation = /x { return 204; }',
        location: 'proxy_buffering off;',
      },
    },
    only: 'nginx',
  },
  {
    name: 'snippets for HAProxy',
    options: {
      snippets: {
        global: 'maxconn 500',
        upstream: 'http-reuse safe',
        server: 'http-response set-header X-Server 1',
        location: 'http-request set-header X-Backend 1',
      },
    },
    only: 'haproxy',
  },
  {
    name: 'nearly all at once, nginx',
    slots: UNIX,
    options: {
      algorithm: 'leastconn',
      serverNames: ['example.com'],
      weights: [2, 1, 1],
      hosts: [REMOTE],
      maxFails: 1,
      failTimeoutMs: 500,
      retries: 2,
      trust: ['127.0.0.1'],
      gzip: true,
      maxBodyBytes: 1024,
    },
    only: 'nginx',
    tls: true,
  },
  {
    name: 'nearly all at once, HAProxy',
    options: {
      algorithm: 'cookie',
      serverNames: ['example.com', '*.example.com'],
      path: '/shop',
      weights: [2, 1],
      hosts: [REMOTE, { ...BACKUP, address: '10.0.0.13' }],
      maxFails: 5,
      failTimeoutMs: 2000,
      check: { path: '/ready', intervalMs: 2000, rise: 2, fall: 2 },
      slowStartMs: 5000,
      spareServers: 4,
      sendProxy: true,
      acceptProxy: true,
      gzip: true,
      maxBodyBytes: 1024,
      agentCheck: { host: '127.0.0.1', port: 20_901 },
    },
    only: 'haproxy',
    tls: true,
  },
]

function recordOf({ slots = TCP, options, tls }: Combination, name = 'api'): AppRecord {
  const withTls = tls === true ? { ...options, tls: { cert: certificate, http2: true } } : options
  const record = sampleRecord({ name, mode: 'cluster', instances: 2, slots, proxy: withTls })
  return record
}

function checkNginx(records: AppRecord[]): { status: number | null; output: string; text: string } {
  const text = renderNginx(
    records.map((record) => proxiedApp(record)),
    {
      version: ASSUMED.nginx,
      generation: 'abc123',
      control: '127.0.0.1:20900',
      controlName: 'lbm-test',
    },
  )
  const file = join(folder, 'lbm.conf')
  writeFileSync(file, text)
  writeFileSync(
    join(folder, 'nginx.conf'),
    `pid ${folder}/nginx.pid; error_log stderr; events {} http { access_log off; include ${file}; }`,
  )
  const { status, stderr } = spawnSync(
    nginx,
    ['-t', '-c', join(folder, 'nginx.conf'), '-e', 'stderr'],
    { encoding: 'utf8' },
  )
  return { status, output: stderr, text }
}

function checkHaproxy(records: AppRecord[]): {
  status: number | null
  output: string
  text: string
} {
  const text = renderHaproxy(
    records.map((record) => proxiedApp(record)),
    {
      generation: 'abc123',
      socket: `${folder}/haproxy.sock`,
      cookieKey: 'secret',
    },
  )
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, text)
  const { status, stderr, stdout } = spawnSync(haproxy, ['-c', '-f', file], { encoding: 'utf8' })
  return { status, output: stdout + stderr, text }
}

describe('a configuration for nginx', () => {
  const all = COMBINATIONS.filter(({ only }) => only !== 'haproxy')
  test.each(all)('$name: nginx -t takes it', (combination) => {
    const { status, output, text } = checkNginx([recordOf(combination)])
    expect(status, `${output}\n${text}`).toBe(0)
    expect(output).not.toContain('[warn]')
  })
})

describe('a configuration for HAProxy', () => {
  const all = COMBINATIONS.filter(({ only }) => only !== 'nginx')
  test.each(all)('$name: haproxy -c takes it', (combination) => {
    const { status, output, text } = checkHaproxy([recordOf(combination)])
    expect(status, `${output}\n${text}`).toBe(0)
    expect(output, `judged:\n${text}`).not.toMatch(/\[(WARNING|ALERT)\]/)
  })
})

test('so many combinations were judged', () => {
  const judged = COMBINATIONS.flatMap(({ only }) =>
    only === undefined ? ['nginx', 'haproxy'] : [only],
  )
  expect(COMBINATIONS.length).toBeGreaterThanOrEqual(40)
  expect(judged.length).toBeGreaterThanOrEqual(70)
})

describe('several apps on one proxy', () => {
  const port = [{ host: '*', port: 8080 }]
  const apps = (): AppRecord[] => [
    recordOf({ name: '', options: { listen: port, serverNames: ['a.example.com'] } }, 'shop'),
    recordOf(
      {
        name: '',
        options: { listen: port, serverNames: ['a.example.com'], path: '/api' },
        slots: UNIX,
      },
      'a b/c~2',
    ),
    recordOf(
      { name: '', options: { listen: port, serverNames: ['*.example.com'], algorithm: 'cookie' } },
      'any.of-them',
    ),
    recordOf({ name: '', options: { listen: port } }, 'rest'),
  ]
  test('by name and path: nginx -t takes it', () => {
    const { status, output, text } = checkNginx(apps())
    expect(status, `${output}\n${text}`).toBe(0)
  })
  test('by name and path: haproxy -c takes it', () => {
    const { status, output, text } = checkHaproxy(apps())
    expect(status, `${output}\n${text}`).toBe(0)
  })
})
