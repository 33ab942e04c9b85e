/** What a proxy would send. */

export interface Source {
  address: string
  port: number
  family: 'IPv4' | 'IPv6'
}

export function v1({ address, port, family }: Source): Buffer {
  const [name, own] = family === 'IPv4' ? ['TCP4', '127.0.0.1'] : ['TCP6', '::1']
  return Buffer.from(`PROXY ${name} ${address} ${own} ${port} 80\r\n`)
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

export function v2({ address, port, family }: Source): Buffer {
  const isIpv4 = family === 'IPv4'
  const size = isIpv4 ? 4 : 16
  const addresses = Buffer.alloc(2 * size + 4)
  for (const [n, byte] of (isIpv4
    ? address.split('.').map(Number)
    : ipv6Bytes(address)
  ).entries()) {
    addresses[n] = byte
  }
  addresses.writeUInt16BE(port, 2 * size)
  addresses.writeUInt16BE(80, 2 * size + 2)
  const fixed = Buffer.from([...SIGNATURE, 0x21, isIpv4 ? 0x11 : 0x21, 0, addresses.length])
  return Buffer.concat([fixed, addresses])
}

function ipv6Bytes(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}
