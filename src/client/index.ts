/** The programmatic API: `import lbm from 'lbm'`, or `import { connect } from 'lbm'`. */

import { lbm } from './lbm.ts'

export { type AppDefinition, type Config, defineConfig } from '../config/schema.ts'
export { type AppDetail, type AppOutcome, type DaemonInfo } from '../contract/api.ts'
export {
  type AppRecord,
  type AppSpec,
  type BalancePolicy,
  type BalanceSpec,
} from '../contract/app.ts'
export { type ErrorCode, isLbmError, LbmError } from '../contract/errors.ts'
export { type LbmEvent } from '../contract/events.ts'
export {
  type ExitReason,
  type InstanceView,
  type Phase,
  type Status,
} from '../contract/instance.ts'
export {
  type Client,
  type ClientOptions,
  createClient,
  type MessageReply,
  type StartOptions,
} from './client.ts'
export { connect, type Connection, type ConnectOptions } from './connect.ts'
export { type ActionOutcome } from './failures.ts'
export { type Lbm } from './lbm.ts'
export { type Bus } from './pm2/bus.ts'
export { type ProcessDescriptor, type StartedProcess } from './pm2/descriptors.ts'
export { type Pm2, type Pm2Options } from './pm2/pm2-api.ts'
export { createPm2 } from './pm2/pm2.ts'
export { type StartFileOptions } from './start-file.ts'
export { type AskOptions } from './wire.ts'

// The one place where a default export is wanted: by those who write `import lbm from 'lbm'`.
// oxlint-disable-next-line import/no-default-export
export default lbm
