/** The programmatic API: `import { createClient } from 'lbm'`. */

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
  type AskOptions,
  type Client,
  type ClientOptions,
  createClient,
  type MessageReply,
  type StartOptions,
} from './client.ts'
export { type ActionOutcome } from './failures.ts'
