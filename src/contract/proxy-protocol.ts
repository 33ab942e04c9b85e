/** PROXY protocol v1 and v2 (haproxy.org, proxy-protocol.txt): a proxy says first for whom it connects. Pure. */

export type ProxyHeader =
  /** More bytes are needed. */
  | { state: 'partial' }
  /** This is no PROXY header. */
  | { state: 'invalid' }
  /** `source` is missing where the proxy speaks for itself (health checks), or for something without an address. */
  | {
      state: 'found'
      length: number
      source?: { address: string; port: number; family: 'IPv4' | 'IPv6' }
    }

const V1_START = 'PROXY '
/** The longest line that version 1 allows, CRLF included. */
const V1_MAX = 107
const V2_START = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
const V2_FIXED = 16
const V2_MAX = 4096
const CR = 0x0d
const LF = 0x0a

/** @param bytes everything that has come so far */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (startsLike(bytes, V2_START))
    return bytes.length < V2_FIXED ? { state: 'partial' } : readV2(bytes)
  if (
    startsLike(
      bytes,
      Array.from(V1_START, (char) => char.charCodeAt(0)),
    )
  )
    return readV1(bytes)
  return { state: 'invalid' }
}

/** As far as there are bytes. */
function startsLike(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => at >= bytes.length || bytes[at] === byte)
}

function readV1(bytes: Uint8Array): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX).indexOf(CR)
  if (end < 0) return { state: bytes.length < V1_MAX ? 'partial' : 'invalid' }
  if (end + 1 >= bytes.length) return { state: 'partial' }
  if (bytes[end + 1] !== LF) return { state: 'invalid' }
  const [, family, address, , port, ...rest] = String.fromCharCode(...bytes.subarray(0, end)).split(
    ' ',
  )
  const length = end + 2
  if (family === 'UNKNOWN') return { state: 'found', length }
  const portNumber = Number(port)
  if ((family !== 'TCP4' && family !== 'TCP6') || address === undefined || rest.length !== 1)
    return { state: 'invalid' }
  if (!Number.isInteger(portNumber) || portNumber < 0 || portNumber > 65_535)
    return { state: 'invalid' }
  if (family === 'TCP4' ? !/^\d+(\.\d+){3}$/.test(address) : !/^[0-9a-f:.]+$/i.test(address))
    return { state: 'invalid' }
  return {
    state: 'found',
    length,
    source: { address, port: portNumber, family: family === 'TCP4' ? 'IPv4' : 'IPv6' },
  }
}

function readV2(bytes: Uint8Array): ProxyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const versionAndCommand = view.getUint8(12)
  const length = V2_FIXED + view.getUint16(14)
  if (versionAndCommand >> 4 !== 2 || length > V2_MAX) return { state: 'invalid' }
  if (bytes.length < length) return { state: 'partial' }
  const isLocal = (versionAndCommand & 0xf) === 0
  const family = view.getUint8(13) >> 4
  if (isLocal) return { state: 'found', length }
  if (family === 1 && length >= V2_FIXED + 12) {
    const address = Array.from(bytes.subarray(16, 20)).join('.')
    return { state: 'found', length, source: { address, port: view.getUint16(24), family: 'IPv4' } }
  }
  if (family === 2 && length >= V2_FIXED + 36) {
    const groups = Array.from({ length: 8 }, (_, n) => view.getUint16(16 + 2 * n))
    return {
      state: 'found',
      length,
      source: { address: spellIpv6(groups), port: view.getUint16(48), family: 'IPv6' },
    }
  }
  return { state: 'found', length }
}

/** As Node spells it: the longest run of zeros is `::`. */
function spellIpv6(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(':')
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort(
    (a, b) => b[0].length - a[0].length,
  )
  const [longest] = runs
  if (longest === undefined) return text
  const before = text.slice(0, longest.index)
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '')
  return `${before}::${after}`
}
