/* oxlint-disable vitest/valid-expect -- a message beside the value says which host it was */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { newCli, type Run, startProgram } from '../../helpers/cli.ts'
import { DIST } from '../../helpers/dist.ts'
import { freePort } from '../../helpers/free-port.ts'
import { type Sshd, startSshd } from '../../helpers/sshd.ts'
import { until } from '../../helpers/until.ts'

const LBM = join(DIST, '../bin/lbm.js')

let world: string
let sshd: Sshd | string
beforeAll(async () => {
  world = mkdtempSync(join(tmpdir(), 'lbm-deploy-'))
  sshd = await startSshd()
})
afterAll(async () => {
  if (typeof sshd !== 'string') await sshd[Symbol.asyncDispose]()
  rmSync(world, { recursive: true, force: true })
})

const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()

interface Project {
  folder: string
  /** On the host. */
  path: string
  commit(version: string, push?: boolean): string
  config(section: object): void
  deploy(...words: string[]): Promise<Run>
  current(): string
}

let projects = 0

/** A repository with a bare one behind it, and a deploy section for the sshd. */
function newProject(server: Sshd, section: object = {}): Project {
  const root = join(world, `project-${(projects += 1)}`)
  const folder = join(root, 'work')
  const bare = join(root, 'origin.git')
  // A path that an unquoted script would stumble over.
  const path = join(root, "host it's $HOME/app")
  mkdirSync(folder, { recursive: true })
  execFileSync('git', ['init', '--quiet', '--bare', '-b', 'main', bare])
  execFileSync('git', ['init', '--quiet', '-b', 'main', folder])
  git(folder, 'remote', 'add', 'origin', bare)
  const project: Project = {
    folder,
    path,
    commit(version, push = true) {
      writeFileSync(join(folder, 'version.txt'), version)
      git(folder, 'add', '-A')
      git(folder, 'commit', '--quiet', '-m', `version ${version}`)
      if (push) git(folder, 'push', '--quiet', '-u', 'origin', 'main')
      return git(folder, 'rev-parse', 'HEAD')
    },
    config(more) {
      const production = {
        user: server.user,
        host: '127.0.0.1',
        port: server.port,
        key: server.key,
        ssh_options: server.options,
        repo: bare,
        path,
        ref: 'origin/main',
        'post-deploy': 'echo "deployed $(cat version.txt)" >> "$SHARED/log"',
        ...more,
      }
      writeFileSync(
        join(folder, 'ecosystem.json'),
        JSON.stringify({ apps: [{ script: 'a.js' }], deploy: { production } }),
      )
    },
    deploy: (...words) =>
      startProgram(process.execPath, [LBM, 'deploy', ...words], {
        cwd: folder,
        env: { ...process.env, NO_COLOR: '1' },
      }).done,
    current: () => readFileSync(join(path, 'current/version.txt'), 'utf8'),
  }
  project.config(section)
  return project
}

function withSshd(skip: (note: string) => never): Sshd {
  return typeof sshd === 'string' ? skip(sshd) : sshd
}

describe("PM2's layout", () => {
  test('setup, update, update again, revert, list, current, previous, exec', async ({ skip }) => {
    const project = newProject(withSshd(skip), {
      'pre-setup': 'echo pre-setup',
      'post-setup': 'echo post-setup in $(basename "$PWD")',
      'pre-deploy-local': 'echo local > local.txt',
      'pre-deploy': 'echo pre-deploy at $(cat version.txt)',
      env: { greeting: `it's "fine" $HOME` },
    })
    project.commit('1')
    const setup = await project.deploy('production', 'setup')
    expect(setup).toMatchObject({ exitCode: 0 })
    expect(setup.stdout).toMatch(/^pre-setup$/m)
    expect(setup.stdout).toMatch(/^post-setup in source$/m)
    expect(lstatSync(join(project.path, 'current')).isSymbolicLink()).toBe(true)
    expect(readdirSync(join(project.path, 'shared')).toSorted()).toEqual(['logs', 'pids'])
    expect((await project.deploy('production', 'setup')).stderr).toContain('is set up already')

    const first = await project.deploy('production')
    expect(first).toMatchObject({ exitCode: 0 })
    expect(first.stdout).toContain('[lbm] Done.')
    expect(first.stdout).not.toContain('lbm-phase')
    expect(existsSync(join(project.folder, 'local.txt'))).toBe(true)
    rmSync(join(project.folder, 'local.txt'))

    const second = project.commit('2')
    const update = await project.deploy('production', 'update')
    expect(update).toMatchObject({ exitCode: 0 })
    expect(update.stdout).toMatch(/^pre-deploy at 1$/m)
    expect(project.current()).toBe('2')
    expect(readFileSync(join(project.path, 'shared/log'), 'utf8')).toBe('deployed 1\ndeployed 2\n')

    expect((await project.deploy('production', 'current')).stdout).toMatch(
      new RegExp(`^${second} .* version 2$`, 'm'),
    )
    expect((await project.deploy('production', 'previous')).stdout).toContain('version 1')
    const reverted = await project.deploy('production', 'revert')
    expect(reverted).toMatchObject({ exitCode: 0 })
    expect(project.current()).toBe('1')
    expect((await project.deploy('production', 'list')).stdout.match(/version \d/g)).toEqual([
      'version 1',
      'version 2',
      'version 1',
    ])
    const far = await project.deploy('production', 'revert', '9')
    expect(far.exitCode).toBe(1)
    expect(far.stderr).toContain('has no deploy that far back')
    const exec = await project.deploy(
      'production',
      'exec',
      'echo "$GREETING" in $(cat version.txt)',
    )
    expect(exec.stdout).toContain(`it's "fine" $HOME in 1`)
    expect((await project.deploy('production', 'exec', 'exit 7')).stderr).toContain(
      'exec failed on',
    )
  }, 60_000)

  test('another ref: a tag, a branch that is new', async ({ skip }) => {
    const project = newProject(withSshd(skip))
    project.commit('1')
    git(project.folder, 'tag', 'v1')
    git(project.folder, 'push', '--quiet', '--tags')
    await project.deploy('production', 'setup')
    project.commit('2')
    await project.deploy('production')
    expect((await project.deploy('production', 'ref', 'v1')).exitCode).toBe(0)
    expect(project.current()).toBe('1')
    git(project.folder, 'checkout', '--quiet', '-b', 'feature/x')
    writeFileSync(join(project.folder, 'version.txt'), 'x')
    git(project.folder, 'commit', '--quiet', '-am', 'x')
    git(project.folder, 'push', '--quiet', '-u', 'origin', 'feature/x')
    expect((await project.deploy('production', 'ref', 'feature/x')).exitCode).toBe(0)
    expect(project.current()).toBe('x')
    const missing = await project.deploy('production', 'ref', 'nosuch')
    expect(missing.exitCode).toBe(1)
    expect(project.current()).toBe('x')
    expect((await project.deploy('production', 'ref', '--upload-pack=x')).exitCode).toBe(2)
  }, 60_000)

  test('what is not committed or not pushed is not deployed, unless forced', async ({ skip }) => {
    const project = newProject(withSshd(skip))
    project.commit('1')
    await project.deploy('production', 'setup')
    writeFileSync(join(project.folder, 'version.txt'), 'dirty')
    const dirty = await project.deploy('production')
    expect(dirty.exitCode).toBe(1)
    expect(dirty.stderr).toContain('changes that are not committed')
    project.commit('2', false)
    expect((await project.deploy('production')).stderr).toContain('1 commit is not pushed')
    expect((await project.deploy('production', '--force')).exitCode).toBe(0)
    expect(project.current()).toBe('1')
  }, 60_000)

  test('a failing post-deploy: exit 1; with --revert-on-failure the code is what it was', async ({
    skip,
  }) => {
    const project = newProject(withSshd(skip))
    project.commit('1')
    await project.deploy('production', 'setup')
    await project.deploy('production')
    project.config({ 'post-deploy': 'echo broken >&2; exit 9' })
    project.commit('2')
    const failed = await project.deploy('production')
    expect(failed.exitCode).toBe(1)
    expect(failed.stderr).toMatch(/^broken$/m)
    expect(failed.stderr).toContain('post-deploy failed on')
    expect(failed.stderr).toContain('(exit code 9)')
    expect(project.current()).toBe('2')
    project.commit('3')
    const reverted = await project.deploy('production', '--revert-on-failure')
    expect(reverted.exitCode).toBe(1)
    expect(reverted.stderr).toContain('what ran before is current again')
    expect(project.current()).toBe('2')
  }, 60_000)
})

test('releases: each in a folder, so many are kept, a failing one reverts the symlink', async ({
  skip,
}) => {
  const project = newProject(withSshd(skip), { releases: 2, revert_on_failure: true })
  project.commit('1')
  await project.deploy('production', 'setup')
  for (const version of ['1', '2', '3']) {
    project.commit(`v${version}`)
    const done = await project.deploy('production')
    expect(done).toMatchObject({ exitCode: 0 })
    // Their names have seconds in them.
    await new Promise((resolve) => setTimeout(resolve, 1100))
  }
  expect(readdirSync(join(project.path, 'releases'))).toHaveLength(2)
  expect(project.current()).toBe('v3')
  const good = readlinkSync(join(project.path, 'current'))
  project.config({ releases: 2, revert_on_failure: true, 'post-deploy': 'false' })
  project.commit('v4')
  expect((await project.deploy('production')).exitCode).toBe(1)
  expect(readlinkSync(join(project.path, 'current'))).toBe(good)
  expect(project.current()).toBe('v3')
  project.config({ releases: 2 })
  expect((await project.deploy('production', 'revert', '1', '--force')).exitCode).toBe(0)
  expect(project.current()).toBe('v2')
}, 90_000)

test('several hosts, one after the other; localhost goes without ssh; one that fails ends it', async ({
  skip,
}) => {
  const server = withSshd(skip)
  const project = newProject(server)
  project.commit('1')
  const local = { host: 'localhost', port: undefined }
  project.config({ host: 'localhost', port: undefined, user: undefined })
  expect((await project.deploy('production', 'setup')).exitCode).toBe(0)
  project.config({
    host: ['localhost', { host: '127.0.0.1', port: await freePort() }],
    port: undefined,
    local,
  })
  // An unknown key is told.
  expect((await project.deploy('production')).exitCode).toBe(2)
  project.config({
    host: ['localhost', { host: '127.0.0.1', port: await freePort() }],
    port: undefined,
  })
  const done = await project.deploy('production', '--force')
  expect(project.current()).toBe('1')
  expect(done.exitCode).toBe(1)
  expect(done.stderr).toMatch(/127\.0\.0\.1:\d+ cannot be reached by ssh/)
  const only = await project.deploy('production', '--force', '--host', 'localhost')
  expect(only).toMatchObject({ exitCode: 0 })
}, 60_000)

test('two deploys to a host at once: the second is refused', async ({ skip }) => {
  const project = newProject(withSshd(skip), {
    'post-deploy': 'touch "$SHARED/begun"; sleep 3',
  })
  project.commit('1')
  await project.deploy('production', 'setup')
  const slow = project.deploy('production')
  await until(() => existsSync(join(project.path, 'shared/begun')) || undefined)
  const second = await project.deploy('production')
  expect(second.stderr).toContain('Another deploy to')
  expect((await slow).exitCode).toBe(0)
}, 60_000)

test.each([
  [
    { deploy: { production: { host: 'h', repo: 'r', path: '/p' } } },
    ['production'],
    2,
    /deploy\.production\.ref is missing/,
  ],
  [
    { deploy: { production: { host: '-oProxyCommand=x', repo: 'r', path: '/p', ref: 'm' } } },
    ['production'],
    2,
    /expected the name of a host/,
  ],
  [
    { deploy: { production: { host: 'h', repo: '--upload-pack=x', path: '/p', ref: 'm' } } },
    ['production'],
    2,
    /deploy\.production\.repo: expected no "-"/,
  ],
  [
    { deploy: { production: { host: 'h', repo: 'r', path: '/p', ref: 'm', env: { 'a;b': 1 } } } },
    ['production'],
    2,
    /"a;b" is no name of a variable/,
  ],
  [
    { deploy: { production: { host: 'h', repo: 'r' } } },
    ['producton'],
    2,
    /has no environment "producton"[^]*Did you mean "production"/,
  ],
  [{ apps: [] }, ['production'], 2, /has no deploy section/],
  [
    { deploy: { p: { host: 'h', repo: 'r', path: '/p', ref: 'm' } } },
    ['p', 'setpu'],
    2,
    /does not know "setpu"[^]*Did you mean "setup"/,
  ],
  [{ deploy: { p: { host: 'h', repo: 'r', path: '/p', ref: 'm' } } }, [], 2, /Which environment/],
])('%j %j → %i', async (config, words, exitCode, message) => {
  const folder = mkdtempSync(join(world, 'bad-'))
  writeFileSync(join(folder, 'ecosystem.json'), JSON.stringify(config))
  await using cli = newCli()
  const done = await cli.lbm('deploy', ...words, { cwd: folder })
  expect(done).toMatchObject({ exitCode })
  expect(done.stderr).toMatch(message)
})
