/** Input never becomes configuration unescaped. */

import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'

import { renderHaproxy } from '../../../daemon/proxies/haproxy.ts'
import { renderNginx } from '../../../daemon/proxies/nginx.ts'
import { type ProxiedApp, proxiedApp } from '../../../daemon/proxies/proxied-app.ts'
import { ASSUMED } from '../../../daemon/proxies/version.ts'
import { checkApp } from '../../../src/config/check-app.ts'
import { proxyOptions, slots } from '../../../src/contract/proxy-schemas.ts'
import type { ProxyOptions } from '../../../src/contract/proxy.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

const SLOTS = { at: { type: 'tcp', host: '127.0.0.1', base: 21_001 }, max: 0 } as const

const ENDINGS = [
  'a.com; return 200',
  'a.com\nserver 6.6.6.6:80',
  'a.com\r',
  'a.com}',
  'a.com {',
  'a.com"',
  "a.com'",
  'a.com\\',
  'a.com # x',
  '$host',
  'a b',
  '',
  'a\u0000b',
  'a\u2028b',
]

/** Each text that an option holds, with that value in it. */
const PLACES: [string, (value: string) => unknown][] = [
  ['serverNames', (value) => ({ serverNames: [value] })],
  ['path', (value) => ({ path: `/${value}` })],
  ['tls.cert', (value) => ({ tls: { cert: `/${value}`, http2: true } })],
  ['tls.key', (value) => ({ tls: { cert: '/a', key: `/${value}`, http2: true } })],
  ['cookie', (value) => ({ cookie: value })],
  ['hosts', (value) => ({ hosts: [{ address: value, port: 80, weight: 1, backup: false }] })],
  ['listen', (value) => ({ listen: [{ host: value, port: 80 }] })],
  ['check.path', (value) => ({ check: { path: `/${value}`, intervalMs: 1, rise: 1, fall: 1 } })],
  ['agentCheck', (value) => ({ agentCheck: { host: value, port: 1 } })],
  ['trust', (value) => ({ trust: [value] })],
  ['static.path', (value) => ({ static: [{ path: `/${value}`, root: '/a' }] })],
  ['static.root', (value) => ({ static: [{ path: '/a', root: `/${value}` }] })],
  ['nginx.control', (value) => ({ nginx: { control: `${value}:80` } })],
  ['nginx.out', (value) => ({ nginx: { out: `/${value}` } })],
  ['haproxy.socket', (value) => ({ haproxy: { socket: `/${value}` } })],
]

/** A file may hold a space, which is quoted, and a prefix may be empty. */
const HARMLESS: Record<string, string[]> = {
  path: [''],
  'check.path': [''],
  'static.path': [''],
  'tls.cert': ['a b'],
  'tls.key': ['a b'],
  'static.root': ['a b'],
  'nginx.out': ['a b'],
}

const LIKELY = fc.string({
  unit: fc.constantFrom(...Array.from('ab1/.-_:*$;{}"\'\\# \n\t@%,+=?&~')),
  maxLength: 6,
})

describe.each(PLACES)('%s', (place, optionsOf) => {
  test.each(ENDINGS.filter((value) => !HARMLESS[place]?.includes(value)))(
    '%j is refused',
    (value) => {
      expect(v.safeParse(proxyOptions, optionsOf(value)).success).toBe(false)
    },
  )

  test('whatever is let through changes no line but its own', () => {
    fc.assert(
      fc.property(LIKELY, (rest) => {
        const parsed = v.safeParse(proxyOptions, optionsOf(`a${rest}`))
        if (!parsed.success) return
        const plain = v.parse(proxyOptions, optionsOf('a1'))
        expect(shapeOf(parsed.output)).toEqual(shapeOf(plain))
      }),
      { numRuns: 500 },
    )
  })
})

/** Lines by the word that they begin with, and the braces of the whole. */
function shapeOf(options: ProxyOptions): unknown {
  const text = textsOf(appOf(options)).join('')
  return {
    heads: text.split('\n').map((line) => line.trim().split(/[\s:]/)[0]?.replace(/^\/.*/, '/')),
    braces: [text.split('{').length, text.split('}').length],
    semicolons: text.split(';').length,
  }
}

function appOf(options: ProxyOptions, name = 'api'): ProxiedApp {
  // What only one of them can do is not the question here.
  return proxiedApp(sampleRecord({ name, instances: 2, slots: SLOTS, proxy: options }))
}

function textsOf(app: ProxiedApp): string[] {
  return [
    renderNginx([app], {
      version: ASSUMED.nginx,
      generation: 'x',
      control: app.proxy.nginx.control ?? '127.0.0.1:20900',
      controlName: 'lbm',
    }),
    renderHaproxy([app], {
      generation: 'x',
      socket: app.proxy.haproxy.socket ?? '/run/x.sock',
      cookieKey: 'k',
    }),
  ]
}

test('a name of an app is a word, whatever it holds, and two names never become one', () => {
  const hostile = ['a;b', 'a b', 'a\tb', 'a{b}', 'a"b', 'a$b', 'ü', 'a_b', 'a/b', '../b', 'a#b']
  const names = hostile.map((name) => appOf({}, name).id)
  for (const id of names) expect(id).toMatch(/^[A-Za-z0-9_.-]+$/)
  expect(new Set(names).size).toBe(names.length)
})

test('a snippet that leaves its block is refused', () => {
  for (const location of ['}', 'a { b;', '} server { listen 1; ', '"', "a 'b", '{ "}"'])
    expect(() => textsOf(appOf({ snippets: { location } })), `snippet ${location}`).toThrow(
      /snippets\.location/,
    )
  for (const location of ['if (1) { a; }', 'a "}";', '# }', "b '{';"])
    expect(() => textsOf(appOf({ snippets: { location } })), `snippet ${location}`).not.toThrow()
})

test('a folder of sockets that would break a line is refused', () => {
  for (const dir of ['/run/a b', '/run/a;b', 'run/a', `/${'a'.repeat(100)}`, '/run/$a'])
    expect(v.safeParse(slots, { at: { type: 'unix', dir }, max: 0 }).success, `folder ${dir}`).toBe(
      false,
    )
  expect(v.safeParse(slots, { at: { type: 'unix', dir: '/run/lbm' }, max: 0 }).success).toBe(true)
})

describe('in an ecosystem file', () => {
  test.each([
    [{ proxy: { server_name: 'a.com; x' } }, 'proxy.server_name'],
    [{ proxy: { path: '/a\nb' } }, 'proxy.path'],
    [{ proxy: { listen: '80; x' } }, 'proxy.listen'],
    [{ proxy: { hosts: ['10.0.0.1:80} x'] } }, 'proxy.hosts'],
    [{ proxy: { check: '/a b' } }, 'proxy.check.path'],
    [{ proxy: { algorithm: 'magic' } }, 'proxy.algorithm'],
    [{ slots: { dir: '/run/$x' } }, 'slots.dir'],
    [{ slots: { host: 'a b' } }, 'slots.host'],
  ])('%j: the error names the key', (given, place) => {
    const { problems } = checkApp({ script: 'a.js', ...given }, (key) => key)
    expect(problems.map((problem) => problem.place)).toEqual([place])
  })
})
