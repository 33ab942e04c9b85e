import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it, test } from 'vitest'

import type { AppOutcome } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Methods } from '../../../src/contract/rpc.ts'
import { type FakeDaemon, startFakeDaemon } from '../client/fake-daemon.ts'
import { runIn } from './fake-io.ts'
import { sampleDetail, sampleView } from './sample-view.ts'

const noHome = mkdtempSync(join(tmpdir(), 'lbm-nohome-'))
afterAll(() => rmSync(noHome, { recursive: true }))

const VIEWS = [
  sampleView(),
  sampleView({ id: 1, number: 1, pid: 4101 }),
  sampleView({ id: 2, name: 'worker', pid: 0, phase: 'stopped' }),
]

const daemon = (methods: Methods = {}): Promise<FakeDaemon> =>
  startFakeDaemon({
    'app.list': () => ({ instances: VIEWS }),
    'app.rows': () => ({ rows: VIEWS }),
    'app.describe': () => ({
      apps: [
        sampleDetail(VIEWS.slice(0, 2), {
          env: { API_TOKEN: 'hunter2', PORT: '80' },
          envSources: { PORT: 'env_production' },
        }),
      ],
    }),
    ...methods,
  })

describe('without a daemon', () => {
  it('jlist prints exactly []', async () => {
    expect(await runIn(noHome, 'jlist')).toEqual({ exitCode: 0, stdout: '[]', stderr: '' })
  })

  it('list prints a header, exit 0', async () => {
    const { exitCode, stdout, stderr } = await runIn(noHome, 'list')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toContain('│ id │ name │')
  })

  test.each([
    [['list', '--json'], '[]\n'],
    [['pid'], ''],
    [['id', 'x'], '[]\n'],
    [['kill'], '[lbm] The daemon is not running\n'],
    [['prettylist'], '[]\n'],
  ])('%j exits 0', async (args, stdout) => {
    expect(await runIn(noHome, ...args)).toEqual({ exitCode: 0, stdout, stderr: '' })
  })

  test.each([
    [['ping'], 'The daemon is not running'],
    [['stop', 'nosuch'], 'No app, namespace or id matches "nosuch"'],
    [['restart', 'nosuch'], 'No app'],
    [['delete', 'all'], 'There is no app'],
    [['describe', 'nosuch'], 'No app'],
    [['pid', 'nosuch'], 'No app called "nosuch"'],
    [['logs', 'nosuch'], 'There are no logs of nosuch'],
    [['env', '0'], 'No app'],
    [['scale', 'x', '2'], 'No app'],
    [['events'], 'The daemon is not running'],
  ])('%j exits 1 and starts none', async (args, message) => {
    const { exitCode, stderr } = await runIn(noHome, ...args)
    expect(exitCode).toBe(1)
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('daemon started')
  })
})

describe('wrong usage exits 2 with one sentence and a hint', () => {
  test.each([
    [['strat'], "unknown command 'strat'", 'Did you mean start?'],
    [['list', '--srot', 'x'], "unknown option '--srot'", 'Did you mean --sort?'],
    [['stop'], "missing required argument 'apps'", '--help'],
    [['start', '-i'], 'argument missing', ''],
    [['reload', 'a', '--timeout', 'soon'], '--timeout: expected a duration', ''],
    [['logs', '--lines', 'many'], '--lines: expected a whole number', ''],
    [['balance', 'api', 'fastest'], 'There is no policy "fastest"', 'There is: least-connections'],
    [['sendSignal', 'SIGUSR3', 'api'], 'There is no signal "SIGUSR3"', 'Did you mean "SIGUSR'],
    [['completion', 'fihs'], 'There is no completion for "fihs"', 'Did you mean "fish"?'],
    [['list', '--sort', 'cup'], '--sort: there is no field "cup"', 'Did you mean "cpu"?'],
  ])('%j', async (args, message, hint) => {
    const { exitCode, stderr } = await runIn(noHome, ...args)
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
    expect(stderr).toMatch(/^lbm: /)
    expect(stderr).not.toContain('    at ')
    expect(exitCode).toBe(2)
  })

  it('no command: the help', async () => {
    const { exitCode, stdout } = await runIn(noHome)
    expect(stdout).toContain('Usage: lbm')
    expect(exitCode).toBe(2)
  })
})

describe('help and version', () => {
  test.each([['-v'], ['--version'], ['version']])('%s', async (arg) => {
    expect(await runIn(noHome, arg)).toEqual({
      exitCode: 0,
      stdout: `${__LBM_VERSION__}\n`,
      stderr: '',
    })
  })

  it('lbm --help', async () => {
    const { stdout, exitCode } = await runIn(noHome, '--help')
    expect(exitCode).toBe(0)
    await expect(stdout).toMatchFileSnapshot('../../fixtures/cli/help.txt')
  })

  it('lbm help start', async () => {
    const { stdout } = await runIn(noHome, 'help', 'start')
    await expect(stdout).toMatchFileSnapshot('../../fixtures/cli/help-start.txt')
  })

  it('every command has a help of its own', { timeout: 20_000 }, async () => {
    const { stdout } = await runIn(noHome, '--help')
    const names = stdout.match(/^ {2}([a-z][A-Za-z0-9-]+)/gm)?.map((name) => name.trim()) ?? []
    expect(names.length).toBeGreaterThan(25)
    for (const name of names) {
      const help = await runIn(noHome, name, '--help')
      expect(help.exitCode).toBe(0)
      expect(help.stdout).toContain(name === 'help' ? 'Usage' : `Usage: lbm ${name}`)
    }
  })

  test.each(['bash', 'zsh', 'fish'])('completion %s names every command', async (shell) => {
    const { stdout } = await runIn(noHome, 'completion', shell)
    expect(stdout).toContain('startOrReload')
    expect(stdout).toMatch(/describe/)
  })
})

describe('what is printed', () => {
  it('jlist: one line in the shape of PM2, secrets masked', async () => {
    await using fake = await daemon()
    const { stdout } = await runIn(fake.home.root, 'jlist')
    expect(stdout).not.toContain('\n')
    const [first, second] = JSON.parse(stdout) as {
      pm2_env: { API_TOKEN: string; PORT: string; NODE_APP_INSTANCE: number }
    }[]
    expect(first?.pm2_env).toMatchObject({
      API_TOKEN: '********',
      PORT: '80',
      NODE_APP_INSTANCE: 0,
    })
    expect(second?.pm2_env.NODE_APP_INSTANCE).toBe(1)
    expect((await runIn(fake.home.root, 'jlist', '--reveal')).stdout).toContain('hunter2')
  })

  it('jlist is printed with --silent, the table is not', async () => {
    await using fake = await daemon()
    expect((await runIn(fake.home.root, 'jlist', '-s')).stdout).toContain('"pm_id":0')
    expect((await runIn(fake.home.root, 'list', '-s')).stdout).toBe('')
  })

  it('pid, id, env, ping', async () => {
    await using fake = await daemon({ 'daemon.ping': () => ({ version: '1', pid: 7 }) })
    const { root } = fake.home
    expect((await runIn(root, 'pid', 'api')).stdout).toBe('4100\n4101\n')
    expect((await runIn(root, 'pid', '2')).stdout).toBe('0\n')
    expect((await runIn(root, 'pid', '--json')).stdout).toBe('[4100,4101,0]\n')
    expect((await runIn(root, 'id', 'api')).stdout).toBe('[ 0, 1 ]\n')
    expect((await runIn(root, 'env', 'api')).stdout).toBe(
      'API_TOKEN: ********\nLBM_APP: api\nLBM_INSTANCE: 0\nNODE_APP_INSTANCE: 0\nPORT: 80\npm_id: 0\n',
    )
    expect((await runIn(root, 'env', 'api', '--why', 'PORT')).stdout).toBe(
      'PORT: 80\n  from "env_production" of the ecosystem file\n',
    )
    expect((await runIn(root, 'env', 'api', '--why', 'pm_id')).stdout).toBe(
      'pm_id: 0\n  from lbm: the id of the instance\n',
    )
    expect((await runIn(root, 'env', 'api', '--why', 'PROT')).stderr).toContain(
      'Did you mean "PORT"?',
    )
    expect((await runIn(root, 'ping')).stdout).toBe("{ msg: 'pong' }\n")
    expect((await runIn(root, 'ping', '--json')).stdout).toBe('{"version":"1","pid":7}\n')
  })

  it('describe holds what a person looks for', async () => {
    await using fake = await daemon()
    const { stdout } = await runIn(fake.home.root, 'describe', 'api')
    for (const text of [
      'status',
      'online',
      'script path',
      '/srv/api.js',
      'exec mode',
      'out log path',
      'restarts',
      'PORT',
    ]) {
      expect(stdout).toContain(text)
    }
    expect(stdout).not.toContain('hunter2')
  })

  it('a daemon that knows no rows → the list all the same', async () => {
    await using fake = await startFakeDaemon({ 'app.list': () => ({ instances: VIEWS }) })
    const { stdout, stderr, exitCode } = await runIn(fake.home.root, 'list')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toContain('worker')
  })

  it('a daemon of another version is named on stderr', async () => {
    await using fake = await startFakeDaemon(
      { 'app.list': () => ({ instances: [] }) },
      { version: '9.9.9' },
    )
    const { stderr, exitCode } = await runIn(fake.home.root, 'list')
    expect(exitCode).toBe(0)
    expect(stderr).toContain('the daemon is lbm 9.9.9')
    expect(stderr).toContain('lbm upgrade')
  })
})

const outcome = (result: AppOutcome['outcomes'][number]): AppOutcome => ({
  app: 'api',
  name: 'api',
  outcomes: [result],
})

describe('commands that change something', () => {
  it('stop: what is asked, check marks, the table', async () => {
    await using fake = await daemon({
      'app.stop': () => ({ apps: [outcome({ id: 0, number: 0, result: 'stopped' })] }),
    })
    const { stdout, exitCode } = await runIn(fake.home.root, 'stop', 'api', '2')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('[lbm] [api](0) ✓ stopped\n┌')
    expect(fake.requests[0]).toEqual({ method: 'app.stop', params: { selectors: ['api', '2'] } })
  })

  it('--json is one document and nothing else on stdout', async () => {
    await using fake = await daemon({
      'app.restart': () => ({ apps: [outcome({ id: 0, number: 0, result: 'ready' })] }),
    })
    const { stdout } = await runIn(fake.home.root, 'restart', 'api', '--json')
    expect(JSON.parse(stdout)).toEqual({
      apps: [{ app: 'api', name: 'api', outcomes: [{ id: 0, number: 0, result: 'ready' }] }],
    })
  })

  it('a death before ready: exit 1 with its last lines', async () => {
    const exit = {
      kind: 'exit',
      code: 3,
      signal: null,
      pid: 1,
      atMs: 1,
      uptimeMs: 120,
      wasReady: false,
      lastLines: ['Error: boom'],
    } as const
    await using fake = await daemon({
      'app.restart': () => ({
        apps: [
          outcome({
            id: 0,
            number: 0,
            result: 'failed',
            exit: { ...exit, lastLines: [...exit.lastLines] },
          }),
        ],
      }),
    })
    const { exitCode, stderr, stdout } = await runIn(fake.home.root, 'restart', 'api')
    expect(exitCode).toBe(1)
    expect(stdout).toContain('✗ failed')
    expect(stderr).toContain(
      'api (id 0) failed to start: exit code 3 after 120 ms\n  its last lines:\n    Error: boom',
    )
  })

  it('not ready in time: exit 1, and says so', async () => {
    await using fake = await daemon({
      'app.restart': () => ({ apps: [outcome({ id: 0, number: 0, result: 'timed-out' })] }),
    })
    const { exitCode, stderr } = await runIn(fake.home.root, 'restart', 'api')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('was not ready in time')
  })

  it('--timeout: exit 3, what was begun goes on', async () => {
    await using fake = await daemon({ 'app.restart': () => new Promise(() => undefined) })
    const { exitCode, stderr } = await runIn(fake.home.root, 'restart', 'api', '--timeout', '50ms')
    expect(exitCode).toBe(3)
    expect(stderr).toContain('Not done within 50 ms; the restart goes on')
  })

  it('the error of the daemon comes with its hint', async () => {
    await using fake = await daemon({
      'app.stop': () => {
        throw new LbmError('APP_NOT_FOUND', 'No app, namespace or id matches "ap".', {
          hint: 'Did you mean "api"?',
        })
      },
    })
    expect(await runIn(fake.home.root, 'stop', 'ap')).toMatchObject({
      exitCode: 1,
      stderr: 'lbm: No app, namespace or id matches "ap".\n  hint: Did you mean "api"?\n',
    })
  })

  it('reload: a rollback is a failure, and no table is drawn', async () => {
    const rollout = { result: 'rolled-back', generation: 2, replaced: 0, message: 'exit code 1' }
    await using fake = await daemon({
      'app.reload': () => ({ apps: [{ app: 'api', name: 'api', rollout }] }),
    })
    const { exitCode, stdout, stderr } = await runIn(fake.home.root, 'reload', 'api', '--force')
    expect(exitCode).toBe(1)
    expect(stdout).not.toContain('┌')
    expect(stderr).toContain('was rolled back; the old instances serve on')
    expect(fake.requests[0]?.params).toMatchObject({ supersede: true, rollback: false })
  })

  it('restart with options sends the definition with them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lbm-cli-'))
    const script = join(folder, 'a.js')
    writeFileSync(script, '')
    const views = [sampleView()]
    await using fake = await daemon({
      'app.describe': () => ({
        apps: [sampleDetail(views, { script, cwd: folder, raw: { script, name: 'api' } })],
      }),
      'app.restart': () => ({ apps: [] }),
    })
    await runIn(fake.home.root, 'restart', 'api', '-i', '3', '--update-env')
    const params = fake.requests.find(({ method }) => method === 'app.restart')?.params
    expect(params).toMatchObject({
      selectors: ['api'],
      specs: [{ name: 'api', instances: 3, mode: 'cluster' }],
      env: { PATH: process.env['PATH'] },
    })
    rmSync(folder, { recursive: true })
  })

  it.each([
    [['scale', 'api', '-1'], 'app.scale', { selector: 'api', to: '-1', wait: true }],
    [['scale', 'api', '+2', '--no-wait'], 'app.scale', { selector: 'api', to: '+2', wait: false }],
    [['sendSignal', 'usr2', 'api'], 'app.signal', { selectors: ['api'], signal: 'SIGUSR2' }],
    [['reset', 'all'], 'app.reset', { selectors: ['all'] }],
    [
      ['balance', 'api', 'sticky', '--sticky-cookie', 'io'],
      'app.balance',
      { selectors: ['api'], balance: { policy: 'sticky', stickyCookie: 'io' } },
    ],
    [['send', 'worker', 'hello'], 'app.send', { id: 2, line: 'hello' }],
    [
      ['trigger', 'api', 'act'],
      'app.message',
      { selectors: ['api'], message: 'act', awaitReply: { action: 'act', timeoutMs: 10_000 } },
    ],
    [
      ['trigger', 'api', 'act', 'p', '--timeout', '2'],
      'app.message',
      {
        selectors: ['api'],
        message: { msg: 'act', opts: 'p' },
        awaitReply: { action: 'act', timeoutMs: 2000 },
      },
    ],
    [['flush'], 'app.flush', { selectors: ['all'] }],
    [['reloadLogs'], 'logs.reopen', {}],
    [['save', '--force'], 'state.save', { force: true }],
    [['dump'], 'state.save', { force: false }],
    [['resurrect', '--no-wait'], 'state.resurrect', { wait: false }],
    [
      ['reload', 'api', '--rollback'],
      'app.reload',
      { selectors: ['api'], supersede: false, rollback: true },
    ],
    [['delete', '/^a/'], 'app.delete', { selectors: ['/^a/'] }],
  ])('%j asks %s', async (args, method, params) => {
    const answers: Methods = {
      'app.scale': () => ({ app: 'api', name: 'api', outcomes: [], from: 1, to: 2 }),
      'app.signal': () => ({ signalled: [] }),
      'app.reset': () => ({ ids: [0] }),
      'app.balance': () => ({ apps: ['api'] }),
      'app.send': () => ({}),
      'app.message': () => ({ replies: [], sent: 0 }),
      'app.flush': () => ({ files: [] }),
      'logs.reopen': () => ({ files: [] }),
      'state.save': () => ({ path: '/x', apps: 1 }),
      'state.resurrect': () => ({ apps: [] }),
      'app.reload': () => ({ apps: [] }),
      'app.delete': () => ({ apps: [] }),
    }
    await using fake = await daemon(answers)
    const { stderr, exitCode } = await runIn(fake.home.root, ...args)
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    expect(fake.requests.find((request) => request.method === method)?.params).toEqual(params)
  })
})

describe('start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-start-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const script = join(folder, 'app.js')
  writeFileSync(script, '')
  const answers: Methods = {
    'app.start': (params) => {
      const { name } = (params as { spec: { name: string } }).spec
      return {
        app: name,
        name,
        outcomes: [{ id: 0, number: 0, result: 'ready' }],
        restarted: false,
      }
    },
    'app.startExisting': () => ({ apps: [outcome({ id: 0, number: 0, result: 'ready' })] }),
    'app.restart': () => ({ apps: [outcome({ id: 0, number: 0, result: 'ready' })] }),
    'app.reload': () => ({
      apps: [{ app: 'api', name: 'api', rollout: { result: 'done', generation: 2, replaced: 1 } }],
    }),
  }

  it('a script with options and arguments', async () => {
    await using fake = await daemon(answers)
    const { stdout, exitCode } = await runIn(
      fake.home.root,
      'start',
      script,
      '-i',
      '2',
      '--name',
      'web',
      '--',
      '--port',
      '80',
    )
    expect(exitCode).toBe(0)
    expect(stdout).toContain(`[lbm] Starting ${script} in cluster_mode (2 instances)`)
    expect(stdout).toContain('[lbm] Done.')
    expect(fake.requests[0]?.params).toMatchObject({
      wait: true,
      force: false,
      spec: { name: 'web', script, instances: 2, mode: 'cluster', args: ['--port', '80'] },
    })
  })

  it('a script behind an option with an optional value', async () => {
    await using fake = await daemon(answers)
    await runIn(fake.home.root, 'start', '--watch', script, '--no-wait')
    expect(fake.requests[0]?.params).toMatchObject({
      wait: false,
      spec: { script, watch: { paths: [process.cwd()] } },
    })
  })

  it('the name of an app that is there starts that', async () => {
    await using fake = await daemon(answers)
    await runIn(fake.home.root, 'start', 'api')
    expect(fake.requests.find(({ method }) => method === 'app.startExisting')?.params).toEqual({
      selectors: ['api'],
      wait: true,
    })
  })

  it('several, one after another', async () => {
    await using fake = await daemon(answers)
    await runIn(fake.home.root, 'start', script, 'worker')
    expect(fake.requests.map(({ method }) => method)).toEqual([
      'app.start',
      'app.list',
      'app.startExisting',
      'app.rows',
    ])
  })

  it('a file: what is there is restarted, what is missing is started, needs first', async () => {
    const file = join(folder, 'ecosystem.config.js')
    writeFileSync(
      file,
      `module.exports = { apps: [
        { name: 'late', script: ${JSON.stringify(script)}, depends_on: ['early'] },
        { name: 'api', script: ${JSON.stringify(script)} },
        { name: 'early', script: ${JSON.stringify(script)} },
      ] }`,
    )
    await using fake = await daemon(answers)
    const { stdout, stderr } = await runIn(fake.home.root, 'start', file)
    expect(stderr).toContain('Applications late, early not running, starting...')
    expect(stdout).toContain('App [early] launched (1 instance)')
    const started = fake.requests.filter(({ method }) => method === 'app.start')
    expect(started.map(({ params }) => (params as { spec: { name: string } }).spec.name)).toEqual([
      'early',
      'late',
    ])
    expect(fake.requests.find(({ method }) => method === 'app.restart')?.params).toMatchObject({
      selectors: ['api'],
      specs: [{ name: 'api' }],
    })

    await runIn(fake.home.root, 'startOrReload', file, '--only', 'api')
    expect(fake.requests.find(({ method }) => method === 'app.reload')?.params).toMatchObject({
      selectors: ['api'],
      specs: [{ name: 'api' }],
    })
  })

  it('what needs an app that did not come up is not started', async () => {
    const file = join(folder, 'need.config.js')
    writeFileSync(
      file,
      `module.exports = [{ name: 'a', script: ${JSON.stringify(script)} }, { name: 'b', script: ${JSON.stringify(script)}, depends_on: 'a' }]`,
    )
    await using fake = await daemon({
      'app.start': () => ({
        app: 'a',
        name: 'a',
        outcomes: [{ id: 0, number: 0, result: 'failed' }],
        restarted: false,
      }),
    })
    const { exitCode, stderr } = await runIn(fake.home.root, 'start', file)
    expect(exitCode).toBe(1)
    expect(stderr).toContain('b is not started: it needs a')
    expect(fake.requests.filter(({ method }) => method === 'app.start')).toHaveLength(1)
  })

  it('a broken file starts nothing, exit 2', async () => {
    const file = join(folder, 'broken.json')
    writeFileSync(file, JSON.stringify({ apps: [{ script, instances: 'abc' }] }))
    await using fake = await daemon(answers)
    const { exitCode, stderr } = await runIn(fake.home.root, 'start', file)
    expect(exitCode).toBe(2)
    expect(stderr).toContain('apps[0].instances: expected')
    expect(fake.requests).toEqual([])
  })

  test.each([
    [['start', join(folder, 'none.js')], 1, 'There is no script'],
    [['start', folder], 1, 'is a folder'],
    [['start', script, '-i', 'abc'], 2, '--instances: expected'],
    [['start', script, '--cwd', '/nowhere'], 1, 'The working directory /nowhere is not there'],
    [['start', script, '--interpreter', 'nosuch'], 1, 'nosuch, which should run'],
    [['start', 'none.config.js'], 2, 'is not there'],
  ])('%j exits %i and says why', async (args, exitCode, message) => {
    await using fake = await daemon(answers)
    const run = await runIn(fake.home.root, ...args)
    expect(run.exitCode).toBe(exitCode)
    expect(run.stderr).toContain(message)
    expect(fake.requests.filter(({ method }) => method === 'app.start')).toEqual([])
  })
})
