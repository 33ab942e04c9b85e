/** Load from a program of its own: wrk, or our client where there is none or a rate is wanted. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { FIXTURES } from '../subjects/fixtures.ts'

export interface LoadSpec {
  port: number
  clients: number
  seconds: number
  keepAlive: boolean
  /** Requests a second, whether answered or not; as many as can be when it is not given. */
  rate?: number
  /** Weight and path. */
  paths?: [number, string][]
  /** Each request has a header of this name with a random value. */
  header?: string
  /** Requests that are sent at once on a connection. */
  pipeline?: number
}

export interface LoadFigures {
  requests: number
  seconds: number
  failed: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
}

export const hasWrk: boolean = spawnSync('wrk', ['-v']).error === undefined

export async function putLoad(spec: LoadSpec): Promise<LoadFigures> {
  const { rate, pipeline = 1 } = spec
  if (pipeline > 1 && !hasWrk) throw new Error('requests are pipelined by wrk only')
  const [file, args, env] = hasWrk && rate === undefined ? wrk(spec) : client(spec)
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  const line = output.split('\n').findLast((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`${file} printed no figures:\n${output}`)
  return JSON.parse(line) as LoadFigures
}

type Program = [file: string, args: string[], env: Record<string, string>]

function wrk({
  port,
  clients,
  seconds,
  keepAlive,
  paths,
  header,
  pipeline = 1,
}: LoadSpec): Program {
  const args = ['-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '10s']
  if (!keepAlive) args.push('-H', 'Connection: close')
  args.push('-s', join(FIXTURES, 'wrk.lua'), `http://127.0.0.1:${port}`)
  return [
    'wrk',
    args,
    {
      WRK_PIPELINE: String(pipeline),
      ...(paths !== undefined && { WRK_PATHS: paths.flat().join(' ') }),
      ...(header !== undefined && { WRK_HEADER: header }),
    },
  ]
}

function client({ paths = [[1, '/']], ...spec }: LoadSpec): Program {
  const script = join(FIXTURES, 'client.cjs')
  return [process.execPath, [script, JSON.stringify({ paths, ...spec })], {}]
}
