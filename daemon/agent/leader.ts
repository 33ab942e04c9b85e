/** Keeps LBM_LEADER current, and tells the app by a message of the process when it begins or ceases to lead. */

import type { Channel } from './channel.ts'

const NAME = 'LBM_LEADER'

/** @returns to be called when nobody can tell it any more: then it does not lead */
export function followLeadership(channel: Channel): () => void {
  const tell = (leader: boolean): void => {
    const word = leader ? '1' : '0'
    // Absent in an app that has no leader.
    if (process.env[NAME] === undefined || process.env[NAME] === word) return
    process.env[NAME] = word
    const message = { type: 'lbm:leader', data: { leader } }
    process.emit('message', message, undefined as never)
  }
  channel.on('leader', ({ leader }) => {
    tell(leader)
    // The next one is told only now.
    if (!leader) channel.send({ act: 'renounced' })
  })
  return () => tell(false)
}
