/** What a request's head says about whose it is. Pure. */

import type { BalanceSpec } from '../../../src/contract/app.ts'
import type { StickyValue } from './policy.ts'

export interface RequestHead {
  sticky?: StickyValue
  /** First address of `X-Forwarded-For`. */
  forwardedFor?: string
}

type StickyKeys = Pick<BalanceSpec, 'stickyCookie' | 'stickyHeader' | 'stickyQuery'>

/** Socket.IO's: what is looked at when the definition names nothing. */
const DEFAULT_KEYS: StickyKeys = { stickyCookie: 'io', stickyQuery: 'sid' }

/** @param head the request line and the header lines, without the empty line */
export function readHead(head: string, spec: StickyKeys): RequestHead {
  const [requestLine = '', ...lines] = head.split('\r\n')
  const header = (name: string): string | undefined => {
    const start = `${name.toLowerCase()}:`
    const line = lines.find((each) => each.slice(0, start.length).toLowerCase() === start)
    return line?.slice(start.length).trim()
  }
  const found: RequestHead = {}
  const sticky = stickyValue(spec, header, requestLine)
  if (sticky !== undefined) found.sticky = sticky
  const forwardedFor = header('x-forwarded-for')?.split(',')[0]?.trim()
  if (forwardedFor !== undefined && forwardedFor !== '') found.forwardedFor = forwardedFor
  return found
}

function stickyValue(
  spec: StickyKeys,
  header: (name: string) => string | undefined,
  requestLine: string,
): StickyValue | undefined {
  const isNamed =
    spec.stickyCookie !== undefined ||
    spec.stickyHeader !== undefined ||
    spec.stickyQuery !== undefined
  const { stickyCookie, stickyHeader, stickyQuery } = isNamed ? spec : DEFAULT_KEYS
  const cookie =
    stickyCookie === undefined ? undefined : cookieValue(header('cookie') ?? '', stickyCookie)
  if (cookie !== undefined) return { value: cookie, from: 'cookie' }
  const own = stickyHeader === undefined ? undefined : header(stickyHeader)
  if (own !== undefined && own !== '') return { value: own, from: 'header' }
  const query = stickyQuery === undefined ? undefined : queryValue(requestLine, stickyQuery)
  return query === undefined ? undefined : { value: query, from: 'query' }
}

function cookieValue(cookies: string, name: string): string | undefined {
  const pair = cookies.split(';').find((each) => each.trimStart().startsWith(`${name}=`))
  return pair?.slice(pair.indexOf('=') + 1).trim() || undefined
}

function queryValue(requestLine: string, name: string): string | undefined {
  const [, target = ''] = requestLine.split(' ')
  const [, query = ''] = target.split('?')
  const pair = query.split('&').find((each) => each.startsWith(`${name}=`))
  return pair?.slice(name.length + 1) || undefined
}
