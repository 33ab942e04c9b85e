import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Command } from 'commander'

import { LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { sayFor } from '../output/say.ts'

const FILE_NAME = 'ecosystem.config.js'

export function addInit(program: Command, cli: Cli): void {
  program
    .command('init')
    .alias('ecosystem')
    .argument('[kind]', 'simple: without the deploy section')
    .description(`write an ${FILE_NAME} to begin with`)
    .option('-f, --force', 'write over the one that is there')
    .action((kind: string | undefined, options: { force?: boolean }) => runInit(cli, kind, options))
}

/** @throws LbmError OPERATION_FAILED rather than writing over a file */
export async function runInit(
  cli: Cli,
  kind: string | undefined,
  { force = false }: { force?: boolean } = {},
): Promise<void> {
  const file = join(currentFolder(), FILE_NAME)
  if (existsSync(file) && !force) {
    throw new LbmError('OPERATION_FAILED', `${file} is there already.`, {
      hint: 'lbm init --force writes over it',
    })
  }
  writeFileSync(file, configText(kind === 'simple'))
  const say = await sayFor(cli)
  say.info(`File ${file} generated`)
}

function configText(isSimple: boolean): string {
  return `module.exports = {
  apps: [
    {
      name: 'app',
      script: 'app.js',
      // One instance per CPU behind one port; leave it out for a single process.
      instances: 'max',
      env: { NODE_ENV: 'development' },
      env_production: { NODE_ENV: 'production' },
      max_memory_restart: '300M',
    },
  ],
${isSimple ? '' : DEPLOY}}
`
}

const DEPLOY = `
  deploy: {
    production: {
      user: 'deploy',
      host: 'server.example.com',
      ref: 'origin/main',
      repo: 'git@example.com:you/app.git',
      path: '/srv/app',
      'post-deploy': 'npm ci && lbm reload ecosystem.config.js --env production',
    },
  },
`
