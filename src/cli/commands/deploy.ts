import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

import type { Command } from 'commander'

import { isConfigFileName } from '../../config/config-file-name.ts'
import type { DeployTarget } from '../../config/deploy-section.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { sayFor } from '../output/say.ts'
import { collectValues } from '../start-options.ts'

export interface DeployOptions {
  force?: boolean
  dryRun?: boolean
  revertOnFailure?: boolean
  host?: string[]
}

/** PM2's order, and what else lbm reads. */
const FILES = [
  ...['ecosystem.json', 'ecosystem.yml', 'ecosystem.yaml'],
  ...['js', 'cjs', 'mjs', 'ts', 'json', 'yaml', 'yml'].map((end) => `ecosystem.config.${end}`),
  ...['ecosystem.json5', 'package.json'],
]

export function addDeploy(program: Command, cli: Cli): void {
  program
    .command('deploy')
    .argument(
      '[words...]',
      '[file] <environment> [setup | update | ref <ref> | revert [n] | exec <command> | list | current | previous]',
    )
    .usage('[file] <environment> [what]')
    .description('bring a commit to hosts, by ssh and git')
    .option('--force', 'deploy although changes here are not committed or pushed')
    .option(
      '--revert-on-failure',
      'back to what ran before when post-deploy fails; it fails all the same',
    )
    .option('--host <name>', 'this host of the environment only (repeatable)', collectValues)
    .option('--dry-run', 'print what would be run on each host')
    .addHelpText(
      'after',
      `
What:
  setup            make the folders and clone the repository
  update           the default: fetch, reset to ref, post-deploy
  ref <ref>        the same with another branch, tag or commit
  revert [n]       back to the n-th deploy before this one (default: 1)
  exec <command>   run a command in the current release of each host
  list             the last deploys
  current, previous

Examples:
  $ lbm deploy production setup
  $ lbm deploy production
  $ lbm deploy ecosystem.config.js staging ref v1.2.3
  $ lbm deploy production exec "lbm list"`,
    )
    .action((words: string[], options: DeployOptions) => runDeploy(cli, words, options))
}

async function runDeploy(
  cli: Cli,
  words: readonly string[],
  options: DeployOptions,
): Promise<void> {
  const { file, rest } = fileOf(words)
  const [name, ...what] = rest
  if (name === undefined || name === 'help') {
    throw new LbmError('USAGE', 'Which environment of the deploy section is meant?', {
      hint: 'lbm deploy production; "lbm help deploy" has more',
    })
  }
  const { deployTarget } = await import('../../config/deploy-section.ts')
  const { loadConfigFile } = await import('../../config/load.ts')
  const value = await loadConfigFile(file)
  const all = deployTarget(value, name, basename(file))
  const target = {
    ...withHosts(all, options.host),
    revertsOnFailure: options.revertOnFailure ?? all.revertsOnFailure,
  }
  const { deploy } = await import('../deploy/deploy.ts')
  const say = await sayFor(cli)
  await deploy({ cli, say, target, file, what, passthrough: cli.passthrough, ...options })
}

/** @throws LbmError USAGE when there is none */
function fileOf(words: readonly string[]): { file: string; rest: readonly string[] } {
  const cwd = currentFolder()
  const [first] = words
  if (first !== undefined && isConfigFileName(first))
    return { file: resolve(cwd, first), rest: words.slice(1) }
  const found = FILES.map((name) => join(cwd, name)).find((path) => existsSync(path))
  if (found !== undefined) return { file: found, rest: words }
  throw new LbmError('USAGE', 'There is no ecosystem file here, and none was named.', {
    hint: 'lbm deploy <file> <environment>',
  })
}

function withHosts(target: DeployTarget, names: readonly string[] | undefined): DeployTarget {
  if (names === undefined) return target
  const known = target.hosts.map(({ host }) => host)
  for (const name of names) {
    if (!known.includes(name))
      throw new LbmError('USAGE', `${target.name} has no host "${name}".`, {
        hint: didYouMean(name, known),
      })
  }
  return { ...target, hosts: target.hosts.filter(({ host }) => names.includes(host)) }
}
