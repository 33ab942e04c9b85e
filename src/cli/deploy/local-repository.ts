/** Whether what would be deployed is what the user has before them. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { LbmError } from '../../contract/errors.ts'

const run = promisify(execFile)

async function git(cwd: string, ...args: string[]): Promise<string | undefined> {
  try {
    return (await run('git', args, { cwd })).stdout.trim()
  } catch {
    return undefined // no git, no repository, or no such thing in it
  }
}

/** @throws LbmError OPERATION_FAILED for changes that the hosts would not get */
export async function checkPushed(cwd: string): Promise<void> {
  const changes = await git(cwd, 'status', '--porcelain', '--untracked-files=no')
  // Deploys are also started from where no repository is.
  if (changes === undefined) return
  if (changes !== '') throw notReady('There are changes that are not committed', 'commit')
  const ahead = await git(cwd, 'rev-list', '--count', '@{upstream}..HEAD')
  if (ahead !== undefined && ahead !== '0')
    throw notReady(`${ahead} ${ahead === '1' ? 'commit is' : 'commits are'} not pushed`, 'push')
}

function notReady(what: string, verb: string): LbmError {
  return new LbmError('OPERATION_FAILED', `${what}; hosts deploy from the repository.`, {
    hint: `${verb} them first, or deploy what is there by --force`,
  })
}
