/** `import lbm from 'lbm'`: the client of the caller's own home, and the way to others. */

import { type Client, createClient } from './client.ts'
import { connect } from './connect.ts'

export interface Lbm extends Client {
  connect: typeof connect
  createClient: typeof createClient
}

export const lbm: Lbm = { ...createClient(), connect, createClient }
