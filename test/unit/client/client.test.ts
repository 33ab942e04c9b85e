import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it, vi } from 'vitest'

import { createClient, defineConfig, isLbmError } from '../../../src/client/index.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import type { Methods } from '../../../src/contract/rpc.ts'
import { startFakeDaemon } from './fake-daemon.ts'

const ready = { app: 'a', name: 'a', outcomes: [{ id: 0, number: 0, result: 'ready' }] }
const failed = { app: 'a', name: 'a', outcomes: [{ id: 0, number: 0, result: 'failed' }] }

const ANSWERS: Methods = {
  'daemon.ping': () => ({ pid: 1 }),
  'daemon.kill': () => ({ stopped: 3 }),
  'app.list': () => ({ instances: [{ id: 0 }] }),
  'app.describe': () => ({ apps: [] }),
  'app.stop': () => ({ apps: [ready] }),
  'app.restart': () => ({ apps: [ready] }),
  'app.reload': () => ({
    apps: [{ app: 'a', name: 'a', rollout: { result: 'done', generation: 2, replaced: 1 } }],
  }),
  'app.delete': () => ({ apps: [ready] }),
  'app.scale': () => ({ ...ready, from: 1, to: 2 }),
  'app.signal': () => ({ signalled: [{ id: 0, name: 'a' }] }),
  'app.reset': () => ({ ids: [0] }),
  'app.balance': () => ({ apps: ['a'] }),
  'app.send': () => ({}),
  'app.message': () => ({
    sent: 1,
    replies: [{ id: 0, name: 'a', namespace: 'default', value: 42 }],
  }),
  'app.flush': () => ({ files: ['/x'] }),
  'state.save': () => ({ path: '/s', apps: 1 }),
  'state.resurrect': () => ({ apps: [ready] }),
  'events.subscribe': () => ({}),
}

describe('each method asks and unwraps', () => {
  it('and sends what the daemon understands', async () => {
    await using fake = await startFakeDaemon(ANSWERS)
    const client = createClient({ home: fake.home.root })
    expect(await client.ping()).toEqual({ pid: 1 })
    expect(await client.list()).toEqual([{ id: 0 }])
    expect(await client.describe('a')).toEqual([])
    expect(await client.stop(['a', 1])).toEqual([ready])
    expect(await client.restart('a', { env: { A: '1' } })).toEqual([ready])
    expect(await client.reload('a')).toHaveLength(1)
    expect(await client.delete('a')).toEqual([ready])
    expect(await client.scale('a', 2)).toMatchObject({ from: 1, to: 2 })
    expect(await client.signal('a', 'SIGUSR2')).toEqual([{ id: 0, name: 'a' }])
    expect(await client.reset('a')).toEqual([0])
    expect(await client.balance('a', { policy: 'sticky' })).toEqual(['a'])
    await client.sendLine(0, 'x')
    expect(await client.sendMessage('a', { x: 1 })).toBe(1)
    expect(await client.trigger('a', 'act', { p: 1 })).toMatchObject([{ value: 42 }])
    expect(await client.flush('a')).toEqual(['/x'])
    expect(await client.save()).toBe('/s')
    expect(await client.resurrect()).toEqual([ready])
    const killed = client.kill()
    // It is waited for until its socket is gone.
    await vi.waitUntil(() => fake.requests.at(-1)?.method === 'daemon.kill')
    rmSync(fake.home.socket)
    expect(await killed).toBe(3)
    expect(fake.requests.find(({ method }) => method === 'app.stop')?.params).toEqual({
      selectors: ['a', '1'],
    })
    expect(fake.requests.find(({ method }) => method === 'app.restart')?.params).toMatchObject({
      env: { A: '1' },
      wait: true,
    })
  })
})

describe('start', () => {
  it('takes a definition, and rejects when an instance does not come up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lbm-api-'))
    writeFileSync(join(folder, 'a.js'), '')
    let answer: object = { ...ready, restarted: false }
    await using fake = await startFakeDaemon({ 'app.start': () => answer })
    const client = createClient({ home: fake.home.root, cwd: folder, env: { PATH: '/bin' } })
    const config = defineConfig({ apps: { script: 'a.js', env_production: { A: 1 } } })
    expect(await client.start({ script: 'a.js', instances: 2 })).toEqual(ready)
    expect(await client.start('a.js')).toEqual(ready)
    expect(
      await client.start(config.apps as { script: string }, {
        environment: 'production',
        wait: false,
      }),
    ).toEqual(ready)
    expect(fake.requests[2]?.params).toMatchObject({
      wait: false,
      spec: { env: { A: '1', PATH: '/bin' } },
    })
    answer = { ...failed, restarted: false }
    await expect(client.start('a.js')).rejects.toMatchObject({ code: 'START_FAILED' })
    await expect(client.start({ script: 'a.js', instances: 'abc' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    await expect(client.start('none.js')).rejects.toMatchObject({ code: 'SCRIPT_NOT_FOUND' })
    rmSync(folder, { recursive: true })
  })
})

describe('without a daemon', () => {
  it('the list is empty, and the rest rejects', async () => {
    const client = createClient({ home: mkdtempSync(join(tmpdir(), 'lbm-none-')) })
    expect(await client.list()).toEqual([])
    await expect(client.ping()).rejects.toSatisfy(isLbmError)
  })
})

describe('waiting', () => {
  it('ends by timeoutMs and by a signal', async () => {
    await using fake = await startFakeDaemon({ 'app.list': () => new Promise(() => undefined) })
    const client = createClient({ home: fake.home.root })
    await expect(client.list({ timeoutMs: 30 })).rejects.toMatchObject({ code: 'TIMED_OUT' })
    await expect(client.list({ signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow(
      'mine',
    )
  })
})

describe('events', () => {
  const event = (n: number): LbmEvent => ({
    v: 1,
    atMs: n,
    app: 'a',
    type: 'watch.restart',
    files: [],
  })

  it('come in order, until the loop is left', async () => {
    await using fake = await startFakeDaemon({
      'events.subscribe': () => {
        queueMicrotask(() => [1, 2, 3].forEach((n) => fake.notify('event', event(n))))
        return {}
      },
    })
    const seen: number[] = []
    for await (const { atMs } of createClient({ home: fake.home.root }).events('a')) {
      seen.push(atMs)
      if (seen.length === 3) break
    }
    expect(seen).toEqual([1, 2, 3])
  })

  it('end by a signal', async () => {
    await using fake = await startFakeDaemon(ANSWERS)
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 20)
    const seen: LbmEvent[] = []
    for await (const one of createClient({ home: fake.home.root }).events('all', {
      signal: controller.signal,
    }))
      seen.push(one)
    expect(seen).toEqual([])
  })

  it('throw when the daemon ends', async () => {
    const fake = await startFakeDaemon(ANSWERS)
    const events = createClient({ home: fake.home.root }).events()[Symbol.asyncIterator]()
    const next = events.next()
    setTimeout(() => void fake[Symbol.asyncDispose](), 50)
    await expect(next).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' })
  })
})
