import type { Part } from '../part.ts'
import { apps } from './apps.ts'
import { crash } from './crash.ts'
import { daemonDeath } from './daemon-death.ts'
import { growth } from './growth.ts'
import { idle } from './idle.ts'
import { list } from './list.ts'
import { logs } from './logs.ts'
import { memory } from './memory.ts'
import { mixed } from './mixed.ts'
import { policies } from './policies.ts'
import { proxies } from './proxies.ts'
import { reload } from './reload.ts'
import { requests } from './requests.ts'
import { scale } from './scale.ts'
import { start } from './start.ts'

export const PARTS: readonly Part[] = [
  list,
  start,
  apps,
  requests,
  mixed,
  policies,
  proxies,
  crash,
  reload,
  scale,
  daemonDeath,
  memory,
  idle,
  logs,
  growth,
]
