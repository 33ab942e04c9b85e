import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { requestHandler } from '../../../daemon/serve/handle-request.ts'
import { type ServeSettings, serveSettings } from '../../../daemon/serve/settings.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-serve-'))
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  mkdirSync(join(folder, 'sub'))
  mkdirSync(join(folder, 'empty'))
  mkdirSync(join(folder, '.well-known'))
  mkdirSync(join(folder, '.git'))
  write('index.html', 'home')
  write('about.html', 'about')
  write('data.json', '{"a":1}')
  write('sub/index.html', 'sub')
  write('.env', 'SECRET=1')
  write('.git/config', 'secret')
  write('.well-known/token', 'token')
  write('empty/<b>&"x".txt', 'odd')
  write('empty/plain.txt', 'plain')
  writeFileSync(join(folder, '../lbm-serve-outside'), 'outside')
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(join(folder, '../lbm-serve-outside'), { force: true })
})

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

async function serving(
  given: Partial<ServeSettings>,
): Promise<{ get: (path: string, options?: object) => Promise<Answer> } & AsyncDisposable> {
  const settings = { ...serveSettings({ PM2_SERVE_PATH: folder }, '/'), ...given }
  const server: Server = createServer(requestHandler(settings))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    get: (path, options = {}) =>
      new Promise((resolve, reject) => {
        // The path goes out as it is, dots and all.
        const call = request({ port, path, ...options }, (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (text: string) => (body += text))
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
          )
        })
        call.on('error', reject)
        call.end()
      }),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

describe('files', () => {
  test.each([
    ['/', 200, 'home'],
    ['/index.html', 200, 'home'],
    ['/about', 200, 'about'],
    ['/about.html?x=/../..', 200, 'about'],
    ['/data.json', 200, '{"a":1}'],
    ['/sub/', 200, 'sub'],
    ['/.well-known/token', 200, 'token'],
    ['/nosuch', 404, '404\n'],
    ['/empty/', 404, '404\n'],
    ['/.env', 404, '404\n'],
    ['/.git/config', 404, '404\n'],
    ['/sub/../.env', 404, '404\n'],
    ['/../lbm-serve-outside', 403, '403\n'],
    ['/%2e%2e/lbm-serve-outside', 403, '403\n'],
    ['/..%2flbm-serve-outside', 403, '403\n'],
    ['/%00', 400, '400\n'],
    ['/%zz', 400, '400\n'],
  ])('%s → %i', async (path, status, body) => {
    await using server = await serving({})
    expect(await server.get(path)).toMatchObject({ status, body })
  })

  test('HEAD, ranges and what the client has already', async () => {
    await using server = await serving({})
    const head = await server.get('/data.json', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.headers).toMatchObject({
      'content-length': '7',
      'content-type': 'application/json; charset=utf-8',
    })
    const part = await server.get('/data.json', { headers: { range: 'bytes=1-3' } })
    expect(part).toMatchObject({ status: 206, body: '"a"' })
    const etag = head.headers.etag
    const known = await server.get('/data.json', { headers: { 'if-none-match': etag } })
    expect(known).toMatchObject({ status: 304, body: '' })
    expect((await server.get('/', { method: 'POST' })).status).toBe(405)
  })

  test('a folder without its slash leads to the folder, never to another host', async () => {
    await using server = await serving({})
    const { status, headers } = await server.get('//sub')
    expect(status).toBe(301)
    expect(headers.location).toMatch(/^\/sub\/$/)
  })

  test('a file that may not be read, and a link into nothing, end nothing but their request', async () => {
    symlinkSync('/nonexistent', join(folder, 'broken'))
    writeFileSync(join(folder, 'locked.txt'), 'x')
    chmodSync(join(folder, 'locked.txt'), 0o000)
    await using server = await serving({})
    expect((await server.get('/broken')).status).toBe(404)
    if (process.getuid?.() !== 0) expect((await server.get('/locked.txt')).status).toBe(500)
    expect((await server.get('/')).status).toBe(200)
  })
})

test('--spa: unknown paths are the home page', async () => {
  await using server = await serving({ isSpa: true })
  expect(await server.get('/users/7')).toMatchObject({ status: 200, body: 'home' })
  expect(await server.get('/data.json')).toMatchObject({ body: '{"a":1}' })
})

test('404.html where there is one', async () => {
  writeFileSync(join(folder, '404.html'), 'lost')
  try {
    await using server = await serving({})
    expect(await server.get('/nosuch')).toMatchObject({ status: 404, body: 'lost' })
  } finally {
    rmSync(join(folder, '404.html'))
  }
})

test('--ftp: folders are listed, names are text', async () => {
  await using server = await serving({ lists: true })
  const { status, body } = await server.get('/empty/')
  expect(status).toBe(200)
  expect(body).toContain('<a href="./plain.txt">plain.txt</a>')
  expect(body).toContain('&lt;b&gt;&amp;&quot;x&quot;.txt')
  expect(body).not.toContain('<b>')
  expect(await server.get('/')).toMatchObject({ body: 'home' })
  expect((await server.get('/empty')).status).toBe(301)
  expect((await server.get('/.git/')).status).toBe(404)
  expect((await server.get('/sub/..%2f..%2f/')).status).toBe(403)
})

test('basic auth: nothing without it, not even what is not there', async () => {
  await using server = await serving({ login: { username: 'me', password: 'pä:ss' } })
  const asking = await server.get('/')
  expect(asking.status).toBe(401)
  expect(asking.headers['www-authenticate']).toContain('Basic realm=')
  const as = (login: string): object => ({
    headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` },
  })
  expect((await server.get('/nosuch', as('me:wrong'))).status).toBe(401)
  expect((await server.get('/', as('me:'))).status).toBe(401)
  expect((await server.get('/', { headers: { authorization: 'Basic' } })).status).toBe(401)
  expect(await server.get('/', as('me:pä:ss'))).toMatchObject({ status: 200, body: 'home' })
})

test.each([
  [{ PM2_SERVE_PORT: 'abc' }, /the port must be a number/],
  [{ PM2_SERVE_PORT: '70000' }, /the port must be a number/],
  [{ PM2_SERVE_PATH: '/nonexistent' }, /there is no folder/],
  [{ PM2_SERVE_BASIC_AUTH: 'true' }, /needs both/],
  [{ PM2_SERVE_BASIC_AUTH_USERNAME: 'me' }, /needs both/],
])('wrong settings %o', (env, message) => {
  expect(() => serveSettings(env, '/')).toThrow(message)
})
