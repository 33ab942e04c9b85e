/** A spare was started before anybody knew which instance it would be: sets its environment anew, and tells the app. */

import type { Channel } from './channel.ts'

export function awaitChoice(channel: Channel): void {
  channel.on('chosen', ({ id, number, env }) => {
    Object.assign(process.env, env)
    const message = { type: 'lbm:chosen', data: { id, number } }
    process.emit('message', message, undefined as never)
  })
}
