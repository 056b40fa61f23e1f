import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { canonicalIp } from '../core/ip.ts'
import { readGateways, readLogindHost, readNameservers, readUtmp } from '../core/protected.ts'

/** Where the addresses of this machine's surroundings are written. */
export type Sources = { routes: string; ipv6Routes: string; resolvers: readonly string[]; utmp: string; sessions: string }

export const SYSTEM: Sources = {
  routes: '/proc/net/route',
  ipv6Routes: '/proc/net/ipv6_route',
  resolvers: ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'],
  utmp: '/run/utmp',
  sessions: '/run/systemd/sessions',
}

export const LOOPBACK = ['127.0.0.0/8', '::1']

/** Gives the addresses that must never be blocked whatever a log says: loopback, this machine's own, its gateways and DNS servers, and the
 *  clients of logged-in sessions. An open TCP connection protects nobody: anybody can open one. What cannot be read is left out. */
export function protectedAddresses(sources: Sources = SYSTEM): string[] {
  const own = Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address))
  const gateways = readGateways(text(sources.routes), text(sources.ipv6Routes))
  const nameservers = sources.resolvers.flatMap(path => readNameservers(text(path)))
  const sessions = files(sources.sessions).map(path => readLogindHost(text(path)))
  const found = [...own, ...gateways, ...nameservers, ...readUtmp(bytes(sources.utmp)), ...sessions].flatMap(
    address => canonicalIp(address ?? '') ?? [],
  )
  return [...new Set([...LOOPBACK, ...found.filter(ip => ip !== '0.0.0.0' && ip !== '::')])]
}

function bytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

function text(path: string): string {
  return bytes(path).toString('latin1')
}

function files(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter(name => !name.includes('.'))
      .map(name => `${folder}/${name}`)
  } catch {
    return []
  }
}
