import { expect, test } from 'vitest'

import { findApps } from '../../../src/config/config-shape.ts'
import { serveProgram } from '../../../src/config/static-servers.ts'

test('script: "serve" is the program that serves, with PM2’s name', () => {
  const value = { apps: [{ script: 'serve', env: { PM2_SERVE_PORT: 9000 } }] }
  expect(findApps(value, 'f')[0]?.definition).toEqual({
    script: serveProgram(),
    name: 'static-page-server-9000',
    env: { PM2_SERVE_PORT: 9000 },
  })
  const named = { exec: 'serve', name: 'web' }
  expect(findApps({ apps: named }, 'f')[0]?.definition).toMatchObject({
    exec: serveProgram(),
    name: 'web',
  })
  expect(findApps({ apps: [{ script: 'server' }] }, 'f')[0]?.definition).toEqual({
    script: 'server',
  })
})

test('static: servers beside apps, or alone', () => {
  const server = {
    name: 'site',
    path: 'public',
    port: '8081',
    spa: true,
    basic_auth: { username: 'me', password: 'x' },
  }
  const [app, site] = findApps({ apps: [{ script: 'a.js' }], static: [server] }, 'f')
  expect(app?.definition).toEqual({ script: 'a.js' })
  expect(site).toEqual({
    place: 'static[0]',
    definition: {
      name: 'site',
      script: serveProgram(),
      env: {
        PM2_SERVE_PATH: 'public',
        PM2_SERVE_PORT: '8081',
        PM2_SERVE_SPA: 'true',
        PM2_SERVE_BASIC_AUTH: 'true',
        PM2_SERVE_BASIC_AUTH_USERNAME: 'me',
        PM2_SERVE_BASIC_AUTH_PASSWORD: 'x',
      },
    },
  })
  expect(findApps({ static: {} }, 'f')).toHaveLength(1)
})

test.each([
  [{ port: 'abc' }, 'f: static[0].port: expected a port, got "abc"'],
  [{ spa: 'yes' }, 'f: static[0].spa: expected true or false, got "yes"'],
  [{ path: 7 }, 'f: static[0].path: expected a text, got 7'],
  [{ basic_auth: { username: 'me' } }, 'f: static[0].basic_auth: expected { username, password }'],
  [
    'public',
    'f: static[0]: expected an object such as { path: "public", port: 8080 }, got "public"',
  ],
])('%o is refused', (server, message) => {
  expect(() => findApps({ static: [server] }, 'f')).toThrow(message)
})
