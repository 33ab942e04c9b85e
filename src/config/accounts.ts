/** Users and groups by name. */

import { readFileSync } from 'node:fs'

import { LbmError } from '../contract/errors.ts'

export interface RunAs {
  uid?: number
  gid?: number
  /** Home folder of the user. */
  home?: string
}

/**
 * Numbers for the names; the group is the user's own unless given.
 * @throws LbmError UNSUPPORTED unless root asks, CONFIG_INVALID for a name that is not there
 */
export function resolveRunAs(
  user: string | number | undefined,
  group: string | number | undefined,
): RunAs {
  if (user === undefined && group === undefined) return {}
  if (process.getuid?.() !== 0) {
    throw new LbmError(
      'UNSUPPORTED',
      'Only root can run an app as another user or group (uid, gid).',
    )
  }
  const account = user === undefined ? undefined : findUser(user)
  const gid = group === undefined ? account?.gid : findGroup(group)
  return {
    ...(account === undefined
      ? {}
      : { uid: account.uid, ...(account.home === undefined ? {} : { home: account.home }) }),
    ...(gid === undefined ? {} : { gid }),
  }
}

/** @throws LbmError CONFIG_INVALID for a name that is not there */
export function findUser(user: string | number): { uid: number; gid?: number; home?: string } {
  for (const [name, , uid, gid, , home] of readTable('/etc/passwd')) {
    if (name === user || Number(uid) === user) {
      return { uid: Number(uid), gid: Number(gid), ...(home === undefined ? {} : { home }) }
    }
  }
  if (typeof user === 'number') return { uid: user }
  throw new LbmError('CONFIG_INVALID', `uid: there is no user "${user}".`)
}

function findGroup(group: string | number): number {
  if (typeof group === 'number') return group
  for (const [name, , gid] of readTable('/etc/group')) {
    if (name === group) return Number(gid)
  }
  throw new LbmError('CONFIG_INVALID', `gid: there is no group "${group}".`)
}

function readTable(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
  } catch {
    return [] // a system without the file: names are unknown, numbers still work
  }
}
