import { BlockList, isIP, SocketAddress } from 'node:net'
import type { Ip, Result } from './types.ts'

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/

/** Gives the one spelling of an address that may be a key, a rule or a word in a log; undefined for anything that is none.
 *  An IPv4-mapped IPv6 address becomes IPv4 (ip6tables accepts the mapped form and never matches it); zone ids are refused. */
export function canonicalIp(text: string): Ip | undefined {
  const version = text.includes('%') ? 0 : isIP(text)
  if (version === 4) return text
  if (version === 0) return undefined
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  return MAPPED.exec(address)?.[1] ?? address
}

/** Gives the key under which an address is counted and blocked: itself for IPv4, its prefix in CIDR form for IPv6. */
export function addressKey(ip: Ip, ipv6Prefix: number): string {
  return isIP(ip) === 4 || ipv6Prefix === 128 ? ip : `${maskIpv6(ip, ipv6Prefix)}/${ipv6Prefix}`
}

/** Reads an address or a CIDR and gives its canonical text with the host bits cleared. */
export function parseNetwork(text: string): Result<string> {
  const [address = '', bits, ...rest] = text.split('/')
  const ip = canonicalIp(address)
  if (ip === undefined || rest.length > 0) return { ok: false, problem: `must be an IP address or a CIDR, got '${text.slice(0, 64)}'` }
  const width = isIP(ip) === 4 ? 32 : 128
  if (bits === undefined) return { ok: true, value: ip }
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width)
    return { ok: false, problem: `prefix length must be 0 to ${width}, got '/${bits.slice(0, 16)}'` }
  if (Number(bits) === width) return { ok: true, value: ip }
  return { ok: true, value: `${width === 32 ? maskIpv4(ip, Number(bits)) : maskIpv6(ip, Number(bits))}/${Number(bits)}` }
}

/** Makes a test for membership in a set of canonical addresses and CIDRs. A tested CIDR is a member if any part of it is. IPv4 and IPv6 are apart:
 *  to a BlockList ::/0 holds every IPv4 address too, in its mapped form. */
export function createNetworkSet(networks: readonly string[]): (network: string) => boolean {
  const sets = { 4: { list: new BlockList(), bases: [] as string[] }, 6: { list: new BlockList(), bases: [] as string[] } }
  for (const network of networks) {
    const { base, bits, version } = splitNetwork(network)
    sets[version].list.addSubnet(base, bits, `ipv${version}`)
    sets[version].bases.push(base)
  }
  return network => {
    const { base, bits, version } = splitNetwork(network)
    const { list, bases } = sets[version]
    if (list.check(base, `ipv${version}`)) return true
    if (!network.includes('/')) return false
    const within = new BlockList()
    within.addSubnet(base, bits, `ipv${version}`)
    return bases.some(one => within.check(one, `ipv${version}`))
  }
}

/** Gives the network of a length that holds an address (or the base of a network), in canonical CIDR form; the address itself at full length. */
export function networkAt(ip: Ip, bits: number): string {
  if (isIP(ip) === 4) return bits === 32 ? ip : `${maskIpv4(ip, bits)}/${bits}`
  return bits === 128 ? ip : `${maskIpv6(ip, bits)}/${bits}`
}

/** Takes canonical network text apart; an address is a network of full length. */
export function splitNetwork(network: string): { base: Ip; bits: number; version: 4 | 6 } {
  const slash = network.indexOf('/')
  const version = network.includes(':') ? 6 : 4
  if (slash === -1) return { base: network, bits: version === 4 ? 32 : 128, version }
  return { base: network.slice(0, slash), bits: Number(network.slice(slash + 1)), version }
}

/** Makes the finder of the widest of some networks that holds all of a given one; undefined when none does. */
export function createCover(networks: Iterable<string>): (network: string) => string | undefined {
  const held = new Set(networks)
  const lengths = { 4: new Set<number>(), 6: new Set<number>() }
  for (const network of held) {
    const { bits, version } = splitNetwork(network)
    lengths[version].add(bits)
  }
  const sorted = { 4: [...lengths[4]].sort((a, b) => a - b), 6: [...lengths[6]].sort((a, b) => a - b) }
  return network => {
    const { base, bits, version } = splitNetwork(network)
    for (const length of sorted[version]) {
      if (length > bits) return undefined
      const candidate = networkAt(base, length)
      if (held.has(candidate)) return candidate
    }
    return undefined
  }
}

/** Gives the name under which the DNS keeps the names of an address. */
export function reverseName(ip: Ip): string {
  if (isIP(ip) === 4) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`
  return `${[...groupsOf(ip).toString(16).padStart(32, '0')].reverse().join('.')}.ip6.arpa`
}

/** Gives the two halves of a network. */
export function halvesOf(network: string): [string, string] {
  const { base, bits, version } = splitNetwork(network)
  const width = version === 4 ? 32 : 128
  const half = 1n << BigInt(width - bits - 1)
  const upper = version === 4 ? dotted(Number(numberOf(base) + half)) : ipv6Of(groupsOf(base) + half)
  return [networkAt(base, bits + 1), networkAt(upper, bits + 1)]
}

function maskIpv4(ip: Ip, bits: number): Ip {
  const value = Number(numberOf(ip))
  return dotted(bits === 0 ? 0 : Math.floor(value / 2 ** (32 - bits)) * 2 ** (32 - bits))
}

function numberOf(ip: Ip): bigint {
  return BigInt(ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0))
}

function dotted(value: number): Ip {
  return [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join('.')
}

function maskIpv6(ip: Ip, bits: number): Ip {
  return ipv6Of((groupsOf(ip) >> BigInt(128 - bits)) << BigInt(128 - bits))
}

function ipv6Of(value: bigint): Ip {
  const text = value.toString(16).padStart(32, '0').match(/.{4}/g)!.join(':')
  return new SocketAddress({ address: text, family: 'ipv6' }).address
}

function groupsOf(ip: Ip): bigint {
  const mixed = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip)
  const text = mixed ? `${mixed[1]}${hex(mixed[2]!, mixed[3]!)}:${hex(mixed[4]!, mixed[5]!)}` : ip
  const [left = '', right] = text.split('::')
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length
  return [...head, ...Array<string>(zeros).fill('0'), ...tail].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

function hex(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16)
}
