import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import type { Command } from 'commander'

import { findInPath } from '../../config/programs.ts'
import { LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { sayFor } from '../output/say.ts'

interface AliasOptions {
  remove?: boolean
  force?: boolean
}

/** PM2's programs, and what each is here. */
const PROGRAMS: Record<string, { file: string; words: string }> = {
  pm2: { file: 'lbm.js', words: '' },
  'pm2-dev': { file: 'lbm.js', words: ' dev' },
  'pm2-runtime': { file: 'lbm-runtime.sh', words: '' },
  'pm2-docker': { file: 'lbm-runtime.sh', words: '' },
}
/** What says that a file is ours, to write over and to remove. */
const MARK = '# Written by "lbm alias-pm2"; "lbm alias-pm2 --remove" takes it away.'

export function addAliasPm2(program: Command, cli: Cli): void {
  program
    .command('alias-pm2')
    .argument('[folder]', 'folder in PATH to write it to (default: where lbm is)')
    .description('make lbm answer to the name pm2, for scripts that call it')
    .option('--remove', 'take the names away again')
    .option('-f, --force', 'write over programs of that name that are not from here')
    .addHelpText(
      'after',
      `
Under the name pm2, lines are PM2's, exit codes are 0 and 1, jlist is exactly PM2's, and PM2_HOME names the home.

Examples:
  $ lbm alias-pm2 ~/.local/bin
  $ lbm alias-pm2 --remove`,
    )
    .action((folder: string | undefined, options: AliasOptions) =>
      runAliasPm2(cli, folder, options),
    )
}

/** @throws LbmError OPERATION_FAILED rather than writing over a PM2 */
async function runAliasPm2(
  cli: Cli,
  given: string | undefined,
  { remove = false, force = false }: AliasOptions,
): Promise<void> {
  const say = await sayFor(cli)
  const folder = given === undefined ? folderOfLbm(cli) : resolve(currentFolder(), given)
  checkWritable(folder)
  if (!remove && !force) {
    const foreign = Object.keys(PROGRAMS).find((name) => isForeign(join(folder, name)))
    if (foreign !== undefined) throw foreignProgram(join(folder, foreign))
  }
  for (const [name, { file, words }] of Object.entries(PROGRAMS)) {
    const path = join(folder, name)
    if (remove) {
      if (!existsSync(path) || isForeign(path)) continue
      rmSync(path)
      say.info(`${path} removed`)
    } else {
      // A symlink to the PM2 that was there must not be written through.
      rmSync(path, { force: true })
      writeFileSync(path, scriptText(join(__dirname, '../bin', file), words), { mode: 0o755 })
      say.info(`${path} generated`)
    }
  }
  const first = findInPath('pm2', cli.io.env['PATH'], currentFolder())
  if (!remove && first !== join(folder, 'pm2')) {
    say.warn(
      first === undefined
        ? `${folder} is not in PATH`
        : `another pm2 comes first in PATH: ${first}`,
    )
  }
}

function folderOfLbm(cli: Cli): string {
  const program = findInPath('lbm', cli.io.env['PATH'], currentFolder())
  if (program !== undefined) return dirname(program)
  throw new LbmError('USAGE', 'There is no lbm in PATH, beside which pm2 could be put.', {
    hint: 'name a folder: lbm alias-pm2 ~/.local/bin',
  })
}

function checkWritable(folder: string): void {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new LbmError('OPERATION_FAILED', `${folder} cannot be written to.`, {
      cause,
      hint: 'name another folder that is in PATH: lbm alias-pm2 ~/.local/bin; or use sudo',
    })
  }
}

function isForeign(path: string): boolean {
  return existsSync(path) && !readFileSync(path, 'utf8').includes(MARK)
}

function foreignProgram(path: string): LbmError {
  return new LbmError('OPERATION_FAILED', `${path} is there already, and not from here.`, {
    hint: 'uninstall PM2, name another folder, or --force writes over it',
  })
}

function scriptText(program: string, words: string): string {
  return `#!/bin/sh
${MARK}
LBM_AS_PM2=1
export LBM_AS_PM2
exec ${shellQuote(program)}${words} "$@"
`
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
