import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { execa } from 'execa'
import { expect, test } from 'vitest'

import { type Cli, newCli } from '../helpers/cli.ts'
import { type Fence, fencesOf, readPage, ROOT } from '../helpers/doc-pages.ts'
import { freePort } from '../helpers/free-port.ts'
import { tempHome } from '../helpers/temp-home.ts'

const README = fencesOf(readPage('README.md'))
const [firstCommand, glance, withFile] = README.filter(({ info }) => info === 'sh run')

interface Reader {
  folder: string
  /** Types the lines of a block; rejects unless each ends with exit code 0. Resolves with what they printed. */
  type(block: Fence | undefined): Promise<string>
}

/** Somebody with a clone, in which `lbm` is a command. */
async function newReader({ home }: Cli): Promise<Reader> {
  const folder = mkdtempSync(join(home.root, 'reader-'))
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'))
  const command = join(folder, 'lbm')
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${ROOT}/bin/lbm.js" "$@"\n`)
  chmodSync(command, 0o755)
  const env = {
    NO_COLOR: '1',
    LBM_HOME: home.root,
    PORT: String(await freePort()),
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
  }
  return {
    folder,
    async type(block) {
      // The checkout is installed when its tests run.
      const script = (block?.text ?? 'false').replaceAll('npm ci && npx lbm', 'lbm')
      const { all } = await execa('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: folder,
        env,
        all: true,
      })
      return all
    },
  }
}

test('README: the first command ends with a list of what is online', async () => {
  await using cli = newCli()
  const reader = await newReader(cli)
  expect(await reader.type(firstCommand)).toMatch(/│ online/)
})

test('README: commands at a glance', { timeout: 60_000 }, async () => {
  await using cli = newCli()
  const reader = await newReader(cli)
  const env = { PORT: String(await freePort()) }
  await cli.ok('start', 'examples/http.js', '-i', '2', { cwd: ROOT, env })
  expect(await reader.type(glance)).toContain('[http] ✓ reloaded')
})

test('README: the ecosystem file', { timeout: 60_000 }, async () => {
  await using cli = newCli()
  const reader = await newReader(cli)
  const file = README.find(({ info }) => info === 'js file=ecosystem.config.js')
  const text = (file?.text ?? '')
    .replace('PORT: 3000', `PORT: ${await freePort()}`)
    // A machine with many cores would reload for minutes.
    .replace("'max'", '2')
  writeFileSync(join(reader.folder, 'ecosystem.config.js'), text)
  expect(await reader.type(withFile)).toContain('[api] ✓ reloaded')
})

const linesOf = (block: Fence | undefined): string[] =>
  (block?.text ?? '').split('\n').filter((line) => line !== '')

/** Each line as it stands, with an option that has it print what it would do. */
function linesWith(option: string, block: Fence | undefined): Fence {
  const lines = linesOf(block).map((line) =>
    // The user of the page is not here.
    line.replace('-u app', '-u nobody').replace(/(?= *#|$)/, ` ${option}`),
  )
  return { info: 'sh', text: lines.join('\n') }
}

test('deploy.md: each command, as a dry run of the file of the page', async () => {
  await using cli = newCli()
  const reader = await newReader(cli)
  const [file, commands] = fencesOf(readPage('docs/deploy.md'))
  writeFileSync(join(reader.folder, 'ecosystem.config.js'), file?.text ?? '')
  const printed = await reader.type(linesWith('--dry-run', commands))
  expect(linesOf(commands).length).toBeGreaterThan(5)
  expect(printed).toContain('git clone')
  expect(printed).toContain('npm ci && lbm startOrReload')
})

test('startup.md: each command prints what it would install', async () => {
  await using cli = newCli()
  const reader = await newReader(cli)
  const [commands] = fencesOf(readPage('docs/startup.md'))
  const printed = await reader.type(linesWith('--print', commands))
  expect(printed).toContain('User=nobody')
  expect(printed).toContain('#!/sbin/openrc-run')
})

test('npx lbm runs the checkout', { timeout: 120_000 }, async () => {
  // A cache of its own: npx notes there what it runs, and one that was cut off spoils the next.
  using cache = tempHome()
  const env = { npm_config_cache: cache.paths.root }
  const { stdout } = await execa('npx', ['--offline', 'lbm', '--version'], { cwd: ROOT, env })
  expect(stdout).toMatch(/^\d+\.\d+\.\d+/)
})

test('every command that is documented has a help', { timeout: 60_000 }, async () => {
  await using cli = newCli()
  const documented = [...readPage('docs/commands.md').matchAll(/^### `lbm ([\w-]+)/gm)]
    .map(([, command = '']) => command)
    .filter((command) => command !== 'help')
  expect(documented.length).toBeGreaterThan(20)
  for (const command of documented) {
    const { stdout } = await cli.ok(command, '--help')
    expect(stdout).toContain(`Usage: lbm ${command}`)
  }
})
