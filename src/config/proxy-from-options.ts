/** From the options of `lbm proxy` to the keys of `proxy:`, so that both are checked by one schema. */

import { LbmError } from '../contract/errors.ts'
import type { ProxyOptions } from '../contract/proxy.ts'
import { checkApp } from './check-app.ts'
import { sentenceOf } from './problems.ts'
import type { ProxyKeys } from './proxy-keys.ts'
import { proxyOptions } from './proxy-spec.ts'

export type ProxyKey = keyof ProxyKeys

/** @param options what commander parsed, by the camelCase of the keys @throws LbmError USAGE with every problem */
export function proxyFromOptions(
  options: Readonly<Record<string, unknown>>,
  keys: readonly ProxyKey[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): ProxyOptions {
  const given = Object.fromEntries(
    keys.flatMap((key): [string, unknown][] => {
      const value = options[camelCase(key)]
      return value === undefined ? [] : [[key, readValue(key, value)]]
    }),
  )
  if (Object.keys(given).length === 0) return {}
  const { app, problems } = checkApp({ proxy: given }, (key) => key)
  if (problems.length > 0) {
    const named = problems.map(({ place, message }) => ({
      place: place.replace(
        /^proxy\.([a-z_]+).*$/,
        (_, key: string) => `--${key.replaceAll('_', '-')}`,
      ),
      message,
    }))
    throw new LbmError('USAGE', named.map(sentenceOf).join('\n'))
  }
  return proxyOptions(app.proxy ?? {}, cwd, env)
}

/** Lists and pairs have a short form on the command line. */
function readValue(key: ProxyKey, value: unknown): unknown {
  const text = String(value)
  if (key === 'weights') return text.split(',').map(Number)
  if (key === 'hosts') return text.split(',').map(readHost)
  if (key === 'static') return text.split(',').map(readStatic)
  return typeof value === 'boolean' ? value : text
}

/** `10.0.0.2:21001`, `10.0.0.2:21001*2` (weight), `10.0.0.3:21001/backup`. */
function readHost(text: string): unknown {
  const match = /^(.*?)(?:\*(\d+))?(\/backup)?$/.exec(text.trim())
  return {
    address: match?.[1] ?? text,
    ...(match?.[2] === undefined ? {} : { weight: Number(match[2]) }),
    ...(match?.[3] === undefined ? {} : { backup: true }),
  }
}

/** `/assets=/srv/public`. */
function readStatic(text: string): unknown {
  const at = text.indexOf('=')
  return { path: text.slice(0, at), root: text.slice(at + 1) }
}

function camelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}
