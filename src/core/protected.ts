import { canonicalIp } from './ip.ts'
import type { Ip } from './types.ts'

const UTMP_RECORD = 384
const USER_PROCESS = 7

/** Reads the gateways of all default routes from `/proc/net/route` and `/proc/net/ipv6_route`. */
export function readGateways(routes: string, ipv6Routes: string): Ip[] {
  const ipv4 = routes
    .split('\n')
    .slice(1)
    .flatMap(line => {
      const [, destination, gateway = ''] = line.split(/\s+/)
      return destination === '00000000' && /^[0-9A-F]{8}$/.test(gateway) ? [fromLittleEndian(gateway)] : []
    })
  const ipv6 = ipv6Routes.split('\n').flatMap(line => {
    const [destination = '', prefix, , , gateway = ''] = line.split(/\s+/)
    return /^0{32}$/.test(destination) && prefix === '00' && /^[0-9a-f]{32}$/.test(gateway)
      ? [canonicalIp(gateway.match(/.{4}/g)!.join(':'))!]
      : []
  })
  return [...ipv4, ...ipv6].filter(ip => ip !== '0.0.0.0' && ip !== '::')
}

/** Reads the name servers of a resolv.conf; zone ids are dropped. */
export function readNameservers(text: string): Ip[] {
  return [...text.matchAll(/^\s*nameserver\s+([0-9a-fA-F.:]+)/gm)].flatMap(match => canonicalIp(match[1]!) ?? [])
}

/** Reads the client address of each logged-in user from utmp (glibc's 384-byte records on 64-bit Linux: type at 0, host at 76, address at 348). */
export function readUtmp(bytes: Buffer): Ip[] {
  const addresses: Ip[] = []
  for (let start = 0; start + UTMP_RECORD <= bytes.length; start += UTMP_RECORD) {
    if (bytes.readInt32LE(start) !== USER_PROCESS) continue
    const host = bytes.toString('latin1', start + 76, start + 332).split('\0', 1)[0]!
    const ip = canonicalIp(host) ?? addressField(bytes.subarray(start + 348, start + 364))
    if (ip !== undefined) addresses.push(ip)
  }
  return addresses
}

/** Reads the client address of a remote session from a file of systemd-logind; undefined for a local or closing one, or when it logged a name. */
export function readLogindHost(text: string): Ip | undefined {
  const fields = new Map(text.split('\n').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const))
  if (fields.get('REMOTE') !== '1' || fields.get('STATE') === 'closing') return undefined
  return canonicalIp(fields.get('REMOTE_HOST')?.replace(/^"|"$/g, '') ?? '')
}

function addressField(field: Buffer): Ip | undefined {
  if (field.every(byte => byte === 0)) return undefined
  if (field.subarray(4).every(byte => byte === 0)) return canonicalIp(field.subarray(0, 4).join('.'))
  return canonicalIp(field.toString('hex').match(/.{4}/g)!.join(':'))
}

function fromLittleEndian(hex: string): Ip {
  return hex
    .match(/../g)!
    .map(byte => Number.parseInt(byte, 16))
    .reverse()
    .join('.')
}
