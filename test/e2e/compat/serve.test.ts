import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { ask } from '../../helpers/ask.ts'
import { newCli } from '../../helpers/cli.ts'
import { freePort } from '../../helpers/free-port.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-site-'))
  writeFileSync(join(folder, 'index.html'), 'home')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('lbm serve: a managed app; PM2’s name; a password is not shown', async () => {
  await using cli = newCli()
  const port = await freePort()
  const login = ['--basic-auth-username', 'me', '--basic-auth-password', 'hidden-word']
  const done = await cli.ok('serve', '.', String(port), '--spa', ...login, { cwd: folder })
  expect(done.stdout).toContain(`Serving ${folder} on port ${port}`)
  expect((await ask(port, '/any')).status).toBe(401)
  const [app] = await cli.jlist()
  expect(app?.name).toBe(`static-page-server-${port}`)
  expect(JSON.stringify(app)).not.toContain('hidden-word')
})

test('two instances share a port, and are reloaded', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('serve', folder, '--port', String(port), '-n', 'site', '-i', '2')
  expect(await ask(port)).toMatchObject({ status: 200, body: 'home' })
  await cli.ok('reload', 'site')
  expect(await ask(port)).toMatchObject({ status: 200, body: 'home' })
})

test('script: "serve" and static: in a file', async () => {
  await using cli = newCli()
  const [a, b] = [await freePort(), await freePort()]
  const file = join(folder, 'eco.json')
  writeFileSync(
    file,
    JSON.stringify({
      apps: [{ name: 'web', script: 'serve', env: { PM2_SERVE_PATH: folder, PM2_SERVE_PORT: a } }],
      static: [{ name: 'files', path: folder, port: b, ftp: true }],
    }),
  )
  await cli.ok('start', file)
  expect((await cli.jlist()).map(({ name }) => name).toSorted()).toEqual(['files', 'web'])
  expect((await ask(a)).body).toBe('home')
  expect((await ask(b)).body).toBe('home')
})

test.each([
  [['serve', '/nonexistent'], 1, /there is no folder \/nonexistent to serve/],
  [['serve', '.', 'abc'], 2, /The port must be a number up to 65535, and is "abc"/],
  [['serve', '.', '--basic-auth-username', 'me'], 2, /needs both/],
])('%j', async (words, exitCode, message) => {
  await using cli = newCli()
  const done = await cli.lbm(...words)
  expect(done.exitCode).toBe(exitCode)
  expect(done.stderr).toMatch(message)
})
